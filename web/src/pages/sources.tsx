import { useSources, type Window, WINDOWS } from '../api/queries'
import { useParameter } from '../lib/router'
import { Choice, Heading, Pages, Panel } from '../ui/parts'
import { SourceTable } from '../ui/tables'
import { LEVELS } from './alerts'

const SEEN: [string, string][] = [['', 'ever'], ...(Object.keys(WINDOWS) as Window[]).map((name): [string, string] => [name, WINDOWS[name].label.toLowerCase()])]

export function SourcesPage() {
  const [level, setLevel] = useParameter('level')
  const [since, setSince] = useParameter('since')
  const sources = useSources({ level, since })
  return (
    <div className="space-y-4">
      <Heading title="Sources">
        <div className="flex flex-wrap gap-4">
          <Choice label="Level" value={level ?? ''} options={LEVELS} onChange={setLevel} />
          <Choice label="Seen" value={since ?? ''} options={SEEN} onChange={setSince} />
        </div>
      </Heading>
      <Panel title="Highest score first">
        <Pages of={sources} what="sources" empty={level || since ? 'No source matches.' : 'Nobody has touched this node so far.'}>
          {(items) => <SourceTable sources={items} />}
        </Pages>
      </Panel>
    </div>
  )
}

import { useActions, useBlocks, usePolicy } from '../api/queries'
import { span } from '../lib/format'
import { escapeText } from '../lib/untrusted'
import { Answer, Chips, Fact, Heading, Pages, Panel, Said, SourceLink, Time } from '../ui/parts'

const CELL = 'px-3 py-2 first:pl-4 last:pr-4'

/** What was and would be done about sources. */
export function ResponsePage() {
  const policy = usePolicy()
  const blocks = useBlocks({})
  const actions = useActions({})
  return (
    <div className="space-y-4">
      <Heading title="Response" />
      <Panel title="Policy in force">
        <Answer of={policy} what="the policy">
          {(policy) => (
            <dl className="grid gap-4 p-4 sm:grid-cols-2 lg:grid-cols-5">
              <Fact name="Mode">
                <span className="font-semibold">{escapeText(policy.effective)}</span>
                {policy.effective !== policy.mode && <span className="text-medium"> (set: {escapeText(policy.mode)})</span>}
                {policy.detail && (
                  <p className="text-xs text-soft">
                    <Said text={policy.detail} />
                  </p>
                )}
              </Fact>
              <Fact name="Blocks hide the honeypots">{policy.block_honeypots ? 'yes' : 'no'}</Fact>
              <Fact name="Sources at home are blocked">{policy.block_internal ? 'yes' : 'no'}</Fact>
              <Fact name="Blocks last">{policy.ladder.map((seconds) => span(seconds * 1000)).join(', then ') || 'as asked'}</Fact>
              <Fact name="Never blocked">
                <Chips of={policy.never_block} most={8} />
              </Fact>
            </dl>
          )}
        </Answer>
      </Panel>
      <div className="grid gap-4 lg:grid-cols-2">
        <Panel title="Standing blocks">
          <Pages of={blocks} what="blocks" empty="Nobody is blocked.">
            {(items) => (
              <table className="w-full">
                <thead>
                  <tr className="text-xs text-dim">
                    {['Target', 'Until', 'Outcome', 'Why'].map((name) => (
                      <th key={name} scope="col" className={CELL}>
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {items.map((block) => (
                    <tr key={`${block.target} ${block.since}`} data-testid="block" className="border-t border-line align-top">
                      <td className={CELL}>{block.target.includes('/') ? <span className="font-mono">{escapeText(block.target)}</span> : <SourceLink ip={block.target} />}</td>
                      <td className={`${CELL} text-soft`}>{block.until ? <Time at={block.until} /> : 'no end'}</td>
                      <td className={CELL}>{escapeText(block.outcome.replace('_', ' '))}</td>
                      <td className={`${CELL} text-soft`}>
                        <Said text={block.reason} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </Pages>
        </Panel>
        <Panel title="What the response did">
          <Pages of={actions} what="actions" empty="Nothing so far.">
            {(items) => (
              <table className="w-full">
                <thead>
                  <tr className="text-xs text-dim">
                    {['When', 'What', 'Target', 'Outcome', 'Why'].map((name) => (
                      <th key={name} scope="col" className={CELL}>
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {items.map((action) => (
                    <tr key={action.id} className="border-t border-line align-top">
                      <td className={`${CELL} text-soft`}>
                        <Time at={action.time} />
                      </td>
                      <td className={CELL}>{escapeText(action.what)}</td>
                      <td className={`${CELL} font-mono`}>{escapeText(action.target)}</td>
                      <td className={CELL}>{escapeText(action.outcome.replace('_', ' '))}</td>
                      <td className={`${CELL} text-soft`}>
                        <Said text={action.reason} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </Pages>
        </Panel>
      </div>
    </div>
  )
}

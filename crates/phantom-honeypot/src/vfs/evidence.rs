//! What is told of a session's own files.

use super::{Body, Cred, Dropped, Ino, Node, Vfs};

impl Vfs {
    /// Files that the visit which acts now wrote, removed ones included as far as they were kept, by path.
    pub fn dropped_files(&self) -> Vec<Dropped> {
        let kept = self.changed.values().filter_map(|node| match &node.body {
            Body::File(content) if node.written == Some(self.visit) && !content.is_empty() => {
                let removed = node.attr.nlink == 0;
                Some(Dropped { path: node.path.clone(), content: content.clone(), removed })
            }
            _ => None,
        });
        let gone = self.removed.iter().filter(|(visit, _)| *visit == self.visit);
        let mut all: Vec<Dropped> = kept.chain(gone.map(|(_, file)| file.clone())).collect();
        all.sort_by(|a, b| (&a.path, a.removed).cmp(&(&b.path, b.removed)));
        all
    }

    /// What of it was written since it was last taken, and what was removed: each state of a file once.
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        let mut all = self.take_removed();
        let written: Vec<Ino> = self
            .unkept
            .iter()
            .filter(|ino| self.changed.get(ino).is_some_and(|node| node.written == Some(self.visit)))
            .copied()
            .collect();
        all.extend(
            written.into_iter().filter_map(|ino| self.take_written(ino)).filter(|f| !f.content.is_empty()),
        );
        all.sort_by(|a, b| (&a.path, a.removed).cmp(&(&b.path, b.removed)));
        all
    }

    /// What a file holds now, if the visitor wrote it; it is taken as evidence.
    pub fn take_written(&mut self, ino: Ino) -> Option<Dropped> {
        self.unkept.remove(&ino);
        match self.changed.get(&ino) {
            Some(Node { attr, path, written: Some(_), body: Body::File(content) }) => {
                let removed = attr.nlink == 0;
                Some(Dropped { path: path.clone(), content: content.clone(), removed })
            }
            _ => None,
        }
    }

    /// Where the program at `path` was installed, also of one that was renamed or copied; `None` where it is not
    /// one of the machine's own.
    pub(crate) fn program_at(&self, who: &Cred, path: &[u8]) -> Option<Vec<u8>> {
        let ino = self.lookup(who, path, true).ok()?;
        let bytes = match self.changed.get(&ino).map(|node| &node.body) {
            None | Some(Body::Base) => return Some(self.base.path(ino)),
            Some(Body::File(bytes)) if bytes.starts_with(b"\x7fELF") => bytes,
            Some(_) => return None,
        };
        let head = bytes.get(..bytes.len().min(4096))?;
        crate::shell::cmd::rows().find_map(|row| {
            let path = [row.dir.as_bytes(), b"/", row.name.as_bytes()].concat();
            let ino = self.lookup(&Cred::root(), &path, true).ok()?;
            let same = !self.changed.contains_key(&ino)
                && self.base.size(ino) == bytes.len() as u64
                && self.base.read(ino, 0, head.len()).is_ok_and(|there| there == head);
            same.then(|| self.base.path(ino))
        })
    }

    /// Takes what the visit that acts now wrote so far as the machine's own: it is not evidence.
    pub(crate) fn settle(&mut self) {
        self.end_visit(self.visit);
    }

    /// From here on it is this visit that acts.
    pub(super) fn begin_step(&mut self, visit: u64) {
        self.visit = visit;
    }

    /// The evidence of this visit was taken.
    pub(super) fn end_visit(&mut self, visit: u64) {
        self.changed
            .values_mut()
            .filter(|node| node.written == Some(visit))
            .for_each(|node| node.written = None);
        self.unkept.retain(|ino| self.changed.get(ino).is_some_and(|node| node.written.is_some()));
        self.visit = visit;
        drop(self.take_removed());
    }

    /// What the visit that acts now removed.
    fn take_removed(&mut self) -> Vec<Dropped> {
        let (taken, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.removed).into_iter().partition(|(visit, _)| *visit == self.visit);
        self.removed = others;
        self.bytes = self.bytes.saturating_sub(taken.iter().map(|(_, file)| file.content.len()).sum());
        taken.into_iter().map(|(_, file)| file).collect()
    }

    /// Whether anything was changed at all.
    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Bytes and nodes this session holds of its own.
    pub fn held(&self) -> (usize, usize) {
        (self.bytes, self.changed.len())
    }
}

//! What is told of a session's own files.

use super::{Body, Cred, Dropped, Vfs};

impl Vfs {
    /// Files this session wrote, removed ones included as far as they were kept, by path.
    pub fn dropped_files(&self) -> Vec<Dropped> {
        let kept = self.changed.values().filter_map(|node| match &node.body {
            Body::File(content) if node.written && !content.is_empty() => {
                let removed = node.attr.nlink == 0;
                Some(Dropped { path: node.path.clone(), content: content.clone(), removed })
            }
            _ => None,
        });
        let mut all: Vec<Dropped> = kept.chain(self.removed.iter().cloned()).collect();
        all.sort_by(|a, b| (&a.path, a.removed).cmp(&(&b.path, b.removed)));
        all
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
                && self.base.read(ino, 0, head.len()) == head;
            same.then(|| self.base.path(ino))
        })
    }

    /// Takes everything written so far as the machine's own: it is not evidence.
    pub(crate) fn settle(&mut self) {
        self.changed.values_mut().for_each(|node| node.written = false);
    }

    /// Bytes and nodes this session holds of its own.
    pub fn held(&self) -> (usize, usize) {
        (self.bytes, self.changed.len())
    }
}

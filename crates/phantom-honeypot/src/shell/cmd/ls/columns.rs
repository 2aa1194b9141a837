//! Names side by side, as ls lays them out.

use super::options::Format;

/// A name as it is printed, and how many columns it takes with what stands before it.
pub(super) struct Cell {
    pub(super) before: String,
    pub(super) name: Vec<u8>,
    pub(super) wide: usize,
}

impl Cell {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        out.extend_from_slice(&self.name);
    }
}

/// Columns are at least a letter and two blanks wide.
const NARROWEST: usize = 3;

pub(super) struct Layout {
    pub(super) format: Format,
    /// Columns of the line; 0: any.
    pub(super) width: usize,
    /// Distance of tab stops; 0: none are used.
    pub(super) tab: usize,
    pub(super) end: u8,
}

impl Layout {
    pub(super) fn lay(&self, cells: &[Cell]) -> Vec<u8> {
        match self.format {
            Format::Commas => self.commas(cells),
            Format::Columns if self.width > 0 => self.grid(cells, true),
            Format::Across if self.width > 0 => self.grid(cells, false),
            Format::Columns | Format::Across => self.joined(cells),
            _ => {
                let mut out = Vec::new();
                for cell in cells {
                    cell.put(&mut out);
                    out.push(self.end);
                }
                out
            }
        }
    }

    /// All in one line, two blanks between.
    fn joined(&self, cells: &[Cell]) -> Vec<u8> {
        let mut out = Vec::new();
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                out.extend_from_slice(b"  ");
            }
            cell.put(&mut out);
        }
        if !cells.is_empty() {
            out.push(self.end);
        }
        out
    }

    fn commas(&self, cells: &[Cell]) -> Vec<u8> {
        let (mut out, mut at) = (Vec::new(), 0);
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                let fits = self.width == 0 || at + cell.wide + 2 < self.width;
                out.extend_from_slice(if fits { b", " } else { b",\n" });
                at = if fits { at + 2 } else { 0 };
            }
            cell.put(&mut out);
            at += cell.wide;
        }
        if !cells.is_empty() {
            out.push(self.end);
        }
        out
    }

    /// As many columns as fit.
    fn grid(&self, cells: &[Cell], down: bool) -> Vec<u8> {
        let most = (self.width / NARROWEST).clamp(1, cells.len().max(1));
        let rows_of = |columns: usize| cells.len().div_ceil(columns.max(1)).max(1);
        let widths = |columns: usize| -> Vec<usize> {
            let rows = rows_of(columns);
            let mut all = vec![NARROWEST; columns];
            for (n, cell) in cells.iter().enumerate() {
                let column = if down { n / rows } else { n % columns };
                let length = cell.wide + if column + 1 == columns { 0 } else { 2 };
                if let Some(slot) = all.get_mut(column) {
                    *slot = length.max(*slot);
                }
            }
            all
        };
        let columns = (1..=most).rev().find(|n| widths(*n).iter().sum::<usize>() < self.width).unwrap_or(1);
        let (widths, rows) = (widths(columns), rows_of(columns));
        let mut out = Vec::new();
        for row in 0..rows {
            let mut at = 0;
            let mut start = 0;
            for (column, width) in widths.iter().enumerate() {
                let n = if down { column * rows + row } else { row * columns + column };
                let Some(cell) = cells.get(n) else { break };
                if column > 0 {
                    self.indent(&mut out, at, start);
                }
                cell.put(&mut out);
                at = start + cell.wide;
                start += width;
            }
            out.push(self.end);
        }
        if cells.is_empty() { Vec::new() } else { out }
    }

    fn indent(&self, out: &mut Vec<u8>, mut from: usize, to: usize) {
        while from < to {
            if self.tab != 0 && to / self.tab > (from + 1) / self.tab {
                out.push(b'\t');
                from += self.tab - from % self.tab;
            } else {
                out.push(b' ');
                from += 1;
            }
        }
    }
}

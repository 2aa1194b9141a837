//! Evaluation.
use super::*;
impl Shell {
    pub(super) fn set_exported(&mut self, name: &[u8], value: &[u8]) {
        self.vars.insert(name.to_vec(), Var { value: value.to_vec(), exported: true, readonly: false });
    }
    pub(super) async fn exec_line(self, line: Vec<u8>) -> i32 {
        let _ = self.io.print(true, &line);
        127
    }
    pub(super) async fn script(self) -> i32 {
        while let Ok(Some(line)) = self.io.read_line().await {
            let _ = self.io.print(true, &line);
        }
        127
    }
    pub(super) async fn login(self) -> i32 {
        while let Ok(Some(line)) = self.io.edit_line(b"$ ".to_vec()).await {
            let _ = self.io.print(true, &line);
        }
        127
    }
}

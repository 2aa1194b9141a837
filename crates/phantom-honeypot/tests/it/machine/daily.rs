//! Tables of cron, packages, processes, and becoming somebody else.

use super::transcript;

#[test]
fn daily_work_is_answered_as_by_the_real_programs() {
    transcript(include_str!("daily.txt"));
}

//! Users and groups: who is added, changed and removed is told by all that tell of users.

use super::transcript;

#[test]
fn users_and_groups_are_kept_as_by_the_real_programs() {
    transcript(include_str!("accounts.txt"));
}

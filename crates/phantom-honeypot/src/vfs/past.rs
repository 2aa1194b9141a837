//! What its administrators typed before: `.bash_history` of each account, different on every installation.

use crate::persona::Draw;

/// Errands of root on a web server, each a few lines that belong together.
const ERRANDS: [&[&str]; 26] = [
    &["apt update", "apt upgrade"],
    &["apt update && apt -y upgrade"],
    &["apt-get update", "apt list --upgradable", "apt-get dist-upgrade"],
    &["apt autoremove"],
    &["systemctl status nginx"],
    &["nano /etc/nginx/sites-available/default", "nginx -t", "systemctl reload nginx"],
    &["vi /etc/nginx/nginx.conf", "nginx -t && systemctl restart nginx"],
    &["tail -f /var/log/nginx/access.log"],
    &["tail -n 50 /var/log/nginx/error.log"],
    &["less /var/log/auth.log"],
    &["journalctl -u ssh --since yesterday"],
    &["journalctl -p err -b"],
    &["systemctl list-units --failed"],
    &["df -h"],
    &["df -h", "du -sh /var/log/*", "journalctl --vacuum-size=100M"],
    &["free -m"],
    &["uptime"],
    &["top"],
    &["ss -tlnp"],
    &["ip a"],
    &["crontab -l"],
    &["cat /etc/debian_version"],
    &["nano /etc/ssh/sshd_config", "sshd -t", "systemctl reload ssh"],
    &["cd /var/www/html", "ls -la", "cd"],
    &["last | head"],
    &["timedatectl"],
];

/// What somebody without rights of their own does.
const VISITS: [&[&str]; 14] = [
    &["ls", "ls -la"],
    &["sudo apt update"],
    &["sudo -i"],
    &["cd /var/www/html", "ls", "nano index.html"],
    &["sudo systemctl restart nginx"],
    &["top"],
    &["df -h"],
    &["cat /etc/hosts"],
    &["passwd"],
    &["sudo tail -f /var/log/nginx/access.log"],
    &["mkdir backup", "cp -r /var/www/html backup/"],
    &["tar czf site.tgz /var/www/html"],
    &["who"],
    &["vi .bashrc"],
];

/// The lines of an account's history; `name` tells the accounts of one machine apart.
pub(super) fn history(seed: &[u8; 32], name: &str) -> String {
    let mut draw = Draw::new(seed, &format!("history of {name}"));
    let root = name == "root";
    let errands: &[&[&str]] = if root { &ERRANDS } else { &VISITS };
    let mut text = String::new();
    for _ in 0..draw.unsigned(if root { 6 } else { 2 }, if root { 22 } else { 10 }) {
        let at = draw.unsigned(0, errands.len() as u64) as usize;
        for line in errands.get(at).copied().unwrap_or_default() {
            text.push_str(line);
            text.push('\n');
        }
        // A session ends now and then.
        if draw.unsigned(0, 4) == 0 {
            text.push_str(if root && draw.unsigned(0, 6) == 0 { "reboot\n" } else { "exit\n" });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installations_and_accounts_have_pasts_of_their_own() {
        let (a, b) = (history(&[1; 32], "root"), history(&[2; 32], "root"));
        assert!(a != b && a != history(&[1; 32], "ann"), "{a}");
        assert_eq!(a, history(&[1; 32], "root"));
        assert!(a.lines().count() >= 6 && !a.contains("\n\n"));
    }
}

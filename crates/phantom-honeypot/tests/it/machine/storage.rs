//! Disks, mounts and what files are like, as util-linux 2.38.1 and coreutils 9.1 of Debian 12 tell it.

use super::{check, check_as_user, out};

#[test]
fn disks_are_told_alike() {
    let field = |line: &str| out(line).trim().to_owned();
    let uuid = field("blkid | sed -n 's/.*sda1: UUID=\"\\([^\"]*\\)\".*/\\1/p'");
    assert_eq!(uuid.len(), 36);
    for line in ["lsblk -f | awk '/sda1/{print $4}'", "grep -o 'UUID=[^ ]*' /proc/cmdline | cut -d= -f2"] {
        assert_eq!(field(line), uuid, "{line}");
    }
    assert_eq!(
        field("blkid | sed -n 's/.*sda5: UUID=\"\\([^\"]*\\)\".*/\\1/p'"),
        field("lsblk -f | awk '/sda5/{print $4}'")
    );
    assert_eq!(
        field("lsblk -b | awk '$1==\"sda\"{print $4/1024}'"),
        field("awk '$4==\"sda\"{print $3}' /proc/partitions")
    );
    assert_eq!(field("cat /sys/block/sda/size"), field("awk '$4==\"sda\"{print $3*2}' /proc/partitions"));
    assert_eq!(
        field("lsblk -bn | awk '/sda1/{print $4/1024}'"),
        field("awk '$4==\"sda1\"{print $3}' /proc/partitions")
    );
    assert_eq!(
        field("awk '/SwapTotal/{print $2}' /proc/meminfo"),
        field("swapon -s | awk 'NR==2{print $3}'")
    );
    assert_eq!(out("swapon -s"), out("cat /proc/swaps"));
    assert_eq!(out("mount | sed 's/ on / /; s/ type / /; s/[()]//g'"), out("sed 's/ 0 0$//' /proc/mounts"));
    for line in ["df -k /", "df -P /", "df --total -k /", "df -T / | tr -s ' ' | cut -d' ' -f1,3-"] {
        let row = field(&format!("{line} | tail -1 | awk '{{print $2}}'"));
        let whole = field("df / | awk 'NR==2{print $2}'");
        assert_eq!(row, whole, "{line}");
    }
    assert_eq!(field("cat /proc/diskstats | wc -l"), "2");
    check(&[
        (
            "df -h / | head -1; df -m / | head -1; df -P / | head -1 | tr -s ' '; df -i / | head -1 | tr -s ' '",
            "Filesystem      Size  Used Avail Use% Mounted on\nFilesystem     1M-blocks  Used Available Use% Mounted on\nFilesystem 1024-blocks Used Available Capacity Mounted on\nFilesystem Inodes IUsed IFree IUse% Mounted on\n",
        ),
        (
            "df -t tmpfs --total | awk '{print $1}' | sort | uniq -c | awk '{print $1, $2}'",
            "1 Filesystem\n4 tmpfs\n1 total\n",
        ),
        (
            "df -x tmpfs | awk 'NR>1{print $1, $6}'; df -ih /dev/shm | awk 'NR==2{print $5}'",
            "udev /dev\n/dev/sda1 /\n1%\n",
        ),
        (
            "df /etc/passwd /dev/shm | awk 'NR>1{print $6}'; df . | tail -1 | awk '{print $6}'",
            "/\n/dev/shm\n/\n",
        ),
        ("df /nope", "df: /nope: No such file or directory\n= 1\n"),
        (
            "lsblk -d | awk '{print $1}' | xargs; lsblk | grep -c part; lsblk -n | head -1 | awk '{print $1, $6}'",
            "NAME sda sr0\n3\nsda disk\n",
        ),
        (
            "findmnt / | awk 'NR==2{print $1, $2, $3}'; findmnt | head -2 | tail -1 | awk '{print $1, $2}'",
            "/ /dev/sda1 ext4\n/ /dev/sda1\n",
        ),
        ("findmnt /nope", "= 1\n"),
        ("mount -t ext4 | cut -d' ' -f1-5; mount -a; mount -o remount,rw /", "/dev/sda1 on / type ext4\n"),
        ("mount none", "mount: none: can't find in /etc/fstab.\n= 1\n"),
        (
            "mount -V",
            "mount from util-linux 2.38.1 (libmount 2.38.1: selinux, smack, btrfs, verity, namespaces, assert, debug)\n",
        ),
        ("mount /dev/sda9 /nope", "mount: /nope: mount point does not exist.\n= 32\n"),
        (
            "mount /dev/sda9 /mnt",
            "mount: /mnt: special device /dev/sda9 does not exist.\n       dmesg(1) may have more information after failed mount system call.\n= 32\n",
        ),
        (
            "mount -t foo none /mnt",
            "mount: /mnt: unknown filesystem type 'foo'.\n       dmesg(1) may have more information after failed mount system call.\n= 32\n",
        ),
        ("mount -o rw", "mount: bad usage\nTry 'mount --help' for more information.\n= 1\n"),
        ("umount", "umount: bad usage\nTry 'umount --help' for more information.\n= 1\n"),
        ("umount /nope", "umount: /nope: no mount point specified.\n= 32\n"),
        ("umount /tmp", "umount: /tmp: not mounted.\n= 32\n"),
        ("umount /", "umount: /: target is busy.\n= 32\n"),
        (
            "swapon --show; swapon -a; swapon",
            "NAME      TYPE      SIZE USED PRIO\n/dev/sda5 partition 975M 0B   -2\nNAME      TYPE      SIZE USED PRIO\n/dev/sda5 partition 975M 0B   -2\n",
        ),
        ("swapon /nope", "swapon: cannot open /nope: No such file or directory\n= 255\n"),
        (
            "swapon /etc/passwd",
            "swapon: /etc/passwd: insecure permissions 0644, 0600 suggested.\nswapon: /etc/passwd: read swap header failed\n= 255\n",
        ),
        ("swapoff", "swapoff: bad usage\nTry 'swapoff --help' for more information.\n= 16\n"),
        ("swapoff /nope", "swapoff: /nope: swapoff failed: No such file or directory\n= 4\n"),
        ("swapoff /etc/passwd", "swapoff: /etc/passwd: swapoff failed: Invalid argument\n= 4\n"),
    ]);
    check_as_user(&[
        (
            "mount -t tmpfs x /mnt",
            "mount: /mnt: must be superuser to use mount.\n       dmesg(1) may have more information after failed mount system call.\n= 32\n",
        ),
        ("umount /", "umount: /: must be superuser to unmount.\n= 32\n"),
    ]);
}

#[test]
fn mounts_persist() {
    check(&[
        (
            "mount -t tmpfs tmpfs /mnt; mount | grep ' /mnt '; grep ' /mnt ' /proc/mounts; findmnt /mnt | awk 'NR==2{print $1, $3}'; df /mnt | awk 'NR==2{print $1, $6}'; umount /mnt; mount | grep -c ' /mnt '",
            "tmpfs on /mnt type tmpfs (rw,relatime)\ntmpfs /mnt tmpfs rw,relatime 0 0\n/mnt tmpfs\ntmpfs /mnt\n0\n= 1\n",
        ),
        (
            "mount -t tmpfs -o size=10m,noexec none /mnt; mount | grep /mnt; df -h /mnt | awk 'NR==2{print $2}'; umount none; mount | grep -c /mnt",
            "none on /mnt type tmpfs (rw,noexec,relatime,size=10240k)\n10M\n0\n= 1\n",
        ),
        (
            "mount --bind /tmp /mnt; grep ' /mnt ' /proc/mounts; umount -l /mnt; mount -o bind /tmp /mnt; grep -c ' /mnt ' /proc/mounts",
            "/dev/sda1 /mnt ext4 rw,relatime,errors=remount-ro 0 0\n1\n",
        ),
    ]);
}

/// GNU stat, touch, chmod and du beyond what is compared with the real ones.
#[test]
fn files_are_told_alike() {
    check(&[
        (
            "touch -a -d @1000 f; stat -c %X f; touch --time=modify -d @2000 f; stat -c '%X %Y' f; touch --time=atime -d @3000 f; stat -c '%X %Y' f",
            "1000\n1000 2000\n3000 2000\n",
        ),
        ("touch -r /nope f", "touch: failed to get attributes of '/nope': No such file or directory\n= 1\n"),
        (
            "touch --foo",
            "touch: unrecognized option '--foo'\nTry 'touch --help' for more information.\n= 1\n",
        ),
        (
            "chmod --reference=/nope f",
            "chmod: failed to get attributes of '/nope': No such file or directory\n= 1\n",
        ),
        (
            "chmod -f 600 nope; chmod --foo",
            "chmod: unrecognized option '--foo'\nTry 'chmod --help' for more information.\n= 1\n",
        ),
        ("ln -s nope l; chmod 600 l", "chmod: cannot operate on dangling symlink 'l'\n= 1\n"),
        (
            "touch f; ln -s f l; chmod 600 l; stat -c %a f; mkdir d; ln -s ../f d/l; chmod -R 755 d; stat -c %a f",
            "600\n600\n",
        ),
        (
            "umask 022; touch f; chmod -v +x f; chmod -v 755 f",
            "mode of 'f' changed from 0644 (rw-r--r--) to 0755 (rwxr-xr-x)\nmode of 'f' retained as 0755 (rwxr-xr-x)\n",
        ),
        (
            "stat -c '%i %d %D %t %T %m %o %H' /dev/null | cut -d' ' -f6,7; stat -c '%F' /dev/null /etc /etc/passwd",
            "/ 4096\ncharacter special file\ndirectory\nregular file\n",
        ),
        (
            "touch -d @0 f; stat f | sed -n '1,2p;5,6p' | tr '\\t' ' ' | tr -s ' '",
            " File: f\n Size: 0 Blocks: 0 IO Block: 4096 regular empty file\nAccess: 1970-01-01 00:00:00.000000000 +0000\nModify: 1970-01-01 00:00:00.000000000 +0000\n",
        ),
        (
            "ln -s /etc/passwd l; stat l | head -1; stat -L -c %F l; stat -t l | wc -w; stat --printf '%n\\n' l",
            "  File: l -> /etc/passwd\nregular file\n16\nl\n",
        ),
        ("stat /dev/null | grep -c 'Device type'", "1\n"),
        ("stat -c '%5s|%-5s|%05s|%%|%C|%q|%04a' /etc/hostname | cut -d'|' -f4-", "%|?|?|0644\n"),
        (
            "stat -f / | head -2 | cut -d: -f1; stat -f /nope",
            "  File\n    ID\nstat: cannot read file system information for '/nope': No such file or directory\n= 1\n",
        ),
        ("stat -x", "stat: invalid option -- 'x'\nTry 'stat --help' for more information.\n= 1\n"),
        (
            "mkdir -p d/e; head -c 5000 /dev/zero > d/e/f; du d; du -s d; du -a d; du -d0 d; du -h d/e; du -c d/e | tail -1; du -b d/e/f",
            "12\td/e\n16\td\n16\td\n8\td/e/f\n12\td/e\n16\td\n16\td\n12K\td/e\n12\ttotal\n5000\td/e/f\n",
        ),
        (
            "head -c 500000 /dev/zero > f; du -m f; du -BM f; du -B 1000 f; du --apparent-size -k f; du -hs f; du -sh --max-depth=1 f",
            "1\tf\n1M\tf\n504\tf\n489\tf\n492K\tf\n492K\tf\n",
        ),
        ("touch a; ln a b; echo hello > c; ln c d; du -c c d | tail -1", "4\ttotal\n"),
        ("du -d x", "du: invalid maximum depth ‘x’\nTry 'du --help' for more information.\n= 1\n"),
        ("du --foo", "du: unrecognized option '--foo'\nTry 'du --help' for more information.\n= 1\n"),
        ("mkdir d; ln -s /dev/null d/l; cd d; du; du -a | sort", "4\t.\n0\t./l\n4\t.\n"),
    ]);
    check_as_user(&[
        (
            "chmod 777 /etc/passwd",
            "chmod: changing permissions of '/etc/passwd': Operation not permitted\n= 1\n",
        ),
        ("touch /etc/x", "touch: cannot touch '/etc/x': Permission denied\n= 1\n"),
        ("touch -d @0 /etc/passwd", "touch: setting times of '/etc/passwd': Operation not permitted\n= 1\n"),
        ("du -s /root", "4\t/root\ndu: cannot read directory '/root': Permission denied\n= 1\n"),
    ]);
}

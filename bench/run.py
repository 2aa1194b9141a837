#!/usr/bin/env python3
"""Side by side with peers, in one run, as ratios: run.py [ssh|replay].

`cargo xtask bench` builds the release binary first. Peers come from PyPI into a virtual environment under
target/ (Cowrie, Scapy, and asyncssh as the client of both SSH servers) and from Debian (tshark).
Each contender gets one processor and the client the other, turn by turn; ratios are of medians.
"""
import asyncio
import os
import platform
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
VENV = TARGET / "bench-venv"
NODE = TARGET / "release" / "phantomnet"
PYPI = ["cowrie==3.1.4", "scapy==2.8.0", "asyncssh==2.24.1"]
ROUNDS = 3
LOGINS = 150
HELD = 150
PACKETS = 200_000
SERVER_CPU, CLIENT_CPU = "0", "1"


def main():
    if Path(sys.prefix) != VENV:
        ensure_venv()
        os.execv(VENV / "bin/python", [str(VENV / "bin/python"), __file__, *sys.argv[1:]])
    benches = {"ssh": bench_ssh, "replay": bench_replay}
    chosen = sys.argv[1:] or list(benches)
    unknown = [name for name in chosen if name not in benches]
    if unknown:
        sys.exit(f"no such bench: {unknown[0]}; there are {', '.join(benches)}")
    print(f"machine: {processor()}, {os.cpu_count()} processors, Linux {platform.release()}")
    for name in chosen:
        benches[name]()


def ensure_venv():
    if not (VENV / "bin/peers-installed").exists():
        print("installing", ", ".join(PYPI))
        # Debian's own Python: one in a home directory could not be run by the user that Cowrie needs.
        subprocess.run(["virtualenv", "-q", "-p", "/usr/bin/python3", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "-q", *PYPI], check=True)
        (VENV / "bin/peers-installed").touch()


def processor():
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


# --- SSH: logins with one command, and what a held session costs ---


def bench_ssh():
    results = {"phantomnet": [], "cowrie": []}
    for _ in range(ROUNDS):
        for name, start in (("phantomnet", start_node), ("cowrie", start_cowrie)):
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                server, port = start(Path(folder))
                try:
                    results[name].append(measure_ssh(server, port))
                finally:
                    stop(server)
    print(f"\nssh: login and one exec, {LOGINS} a round, {ROUNDS} rounds, medians")
    table = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}
    print(f"{'':12}{'sessions/s':>12}{'CPU ms each':>13}{'KiB held':>10}")
    for name, (rate, cpu, held) in table.items():
        print(f"{name:12}{rate:12.1f}{cpu:13.2f}{held:10.1f}")
    ours, theirs = table["phantomnet"], table["cowrie"]
    print(f"ratio to Cowrie: {ours[0] / theirs[0]:.1f} x the rate, {ours[1] / theirs[1]:.3f} x the CPU a session, "
          f"{ours[2] / theirs[2]:.3f} x the memory of a held session")


def measure_ssh(server, port):
    os.sched_setaffinity(0, {int(CLIENT_CPU)})
    asyncio.run(logins(port, 10))
    before, start = cpu_seconds(server), time.monotonic()
    asyncio.run(logins(port, LOGINS))
    rate = LOGINS / (time.monotonic() - start)
    cpu = (cpu_seconds(server) - before) * 1000 / LOGINS
    return rate, cpu, asyncio.run(held(server, port))


def ssh_options(port):
    return dict(host="127.0.0.1", port=port, username="root", password="bench-password", known_hosts=None,
                client_keys=None, config=None, agent_path=None)


async def logins(port, count):
    import asyncssh
    gate = asyncio.Semaphore(8)

    async def one():
        async with gate, asyncssh.connect(**ssh_options(port)) as connection:
            done = await connection.run("id", check=False)
            if "uid=0" not in str(done.stdout):
                sys.exit(f"port {port}: exec answered {done.stdout!r} {done.stderr!r}")

    await asyncio.gather(*(one() for _ in range(count)))


async def held(server, port):
    """KiB of memory a session that is logged in and sits at a shell's prompt."""
    import asyncssh
    before = memory_kib(server)
    open_ones = []
    for _ in range(HELD):
        connection = await asyncssh.connect(**ssh_options(port))
        shell = await connection.create_process(term_type="xterm")
        open_ones.append((connection, shell))
    await asyncio.sleep(1)
    after = memory_kib(server)
    for connection, _ in open_ones:
        connection.close()
    return (after - before) / HELD


def start_node(folder):
    port, api = free_port(), free_port()
    settings = folder / "phantomnet.toml"
    settings.write_text(
        f'data_dir = "{folder}/data"\n[api]\nlisten = "127.0.0.1:{api}"\n[capture]\nenabled = false\n'
        f'[honeypot.ssh]\nlisten = ["127.0.0.1:{port}"]\n[honeypot.http]\nenabled = false\n'
        '[honeypot.ftp]\nenabled = false\n[honeypot.login]\naccept = ["root:bench-password"]\n')
    server = subprocess.Popen(["taskset", "-c", SERVER_CPU, NODE, "run", "--config", settings],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return server, wait_for(port)


def start_cowrie(folder):
    port = free_port()
    (folder / "etc").mkdir()
    (folder / "etc/userdb.txt").write_text("root:x:bench-password\n")
    for sub in ("var/log/cowrie", "var/lib/cowrie/tty", "var/lib/cowrie/downloads", "var/run"):
        (folder / sub).mkdir(parents=True)
    (folder / "etc/cowrie.cfg").write_text(
        f"[ssh]\nenabled = true\nlisten_endpoints = tcp:{port}:interface=127.0.0.1\n[telnet]\nenabled = false\n"
        "[honeypot]\nttylog = true\n[output_jsonlog]\nenabled = true\n")
    command = ["taskset", "-c", SERVER_CPU, VENV / "bin/twistd", "--nodaemon", "--umask=0022",
               "--pidfile=var/run/cowrie.pid", "--logger", "cowrie.python.logfile.logger", "cowrie"]
    extra = {}
    if os.getuid() == 0:
        # Cowrie refuses to run as root.
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 65534, 65534)
        extra = dict(user=65534, group=65534, extra_groups=[])
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **extra)
    return server, wait_for(port)


def wait_for(port):
    import socket
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                if probe.recv(4).startswith(b"SSH-"):
                    return port
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing speaks SSH on port {port}")


def stop(server):
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def family(server):
    """The process and its children, by id."""
    ids, todo = [], [server.pid]
    while todo:
        pid = todo.pop()
        ids.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            todo += [int(child) for child in task.read_text().split()]
    return ids


def cpu_seconds(server):
    ticks = 0
    for pid in family(server):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_kib(server):
    total = 0
    for pid in family(server):
        total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))
    return total


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- replay: packets a second through reader, parser, flows and detectors ---


def bench_replay():
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "bench.pcap"
        write_capture(capture, PACKETS)
        slow = Path(folder) / "slow.pcap"
        write_capture(slow, PACKETS // 10)
        scapy = ("import sys\nfrom scapy.all import PcapReader, IP, TCP\nseen = 0\n"
                 "for packet in PcapReader(sys.argv[1]):\n"
                 "    if IP in packet and TCP in packet:\n"
                 "        row = (packet.time, packet[IP].src, packet[IP].dst, packet[TCP].sport, packet[TCP].dport, "
                 "packet[IP].ttl, len(packet), int(packet[TCP].flags))\n        seen += 1\nprint(seen)\n")
        fields = [arg for name in ("frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "ip.ttl",
                                   "frame.len", "tcp.flags") for arg in ("-e", name)]
        contenders = {
            "phantomnet": ([NODE, "replay", capture, "--emit", "summary"], PACKETS),
            "tshark": (["tshark", "-n", "-r", capture, "-T", "fields", *fields], PACKETS),
            "scapy": ([VENV / "bin/python", "-c", scapy, slow], PACKETS // 10),
        }
        rates = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, (command, packets) in contenders.items():
                start = time.monotonic()
                subprocess.run(["taskset", "-c", SERVER_CPU, *command], check=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
                rates[name].append(packets / (time.monotonic() - start))
    print(f"\nreplay: whole processes on one processor, {PACKETS} packets ({PACKETS // 10} for scapy), "
          f"{ROUNDS} rounds, medians")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in medians.items():
        print(f"{name:12}{rate:14,.0f} packets/s")
    for peer in ("tshark", "scapy"):
        print(f"ratio to {peer}: {medians['phantomnet'] / medians[peer]:.1f} x")


def write_capture(path, packets):
    """TCP conversations of ten packets each, many at once, as a classic pcap of Ethernet."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        payload = b"GET /index.html HTTP/1.1\r\nHost: example.test\r\n\r\n"
        steps = [(0, 0x02, b""), (1, 0x12, b""), (0, 0x10, b""), (0, 0x18, payload), (1, 0x10, b""),
                 (1, 0x18, b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400), (0, 0x10, b""),
                 (0, 0x11, b""), (1, 0x11, b""), (0, 0x10, b"")]
        for number in range(packets):
            group, step = divmod(number, 10 * 64)
            step, lane = divmod(step, 64)
            flow = group * 64 + lane
            back, flags, data = steps[step]
            client = struct.pack(">I", 0x0A000000 | (flow % 60000) + 1)
            server, ports = b"\xc0\x00\x02\x01", (1024 + flow % 60000, 80)
            src, dst = (server, client) if back else (client, server)
            sport, dport = ports[::-1] if back else ports
            tcp = struct.pack(">HHIIBBHHH", sport, dport, step * 500 + 1, step * 500, 0x50, flags, 65535, 0, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), number & 0xFFFF, 0x4000, 64, 6, 0, src, dst)
            frame = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00" + ip + tcp + data
            moment = 1_700_000_000_000_000 + number * 20
            out.write(struct.pack("<IIII", moment // 1_000_000, moment % 1_000_000, len(frame), len(frame)) + frame)


if __name__ == "__main__":
    main()

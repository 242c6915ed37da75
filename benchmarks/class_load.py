"""How many students does one machine carry? A class on a real JupyterHub, on this machine alone.

    python benchmarks/class_load.py                    more and more students, until a slider step is slow
    python benchmarks/class_load.py --seconds 60       each number of students drags for a minute (10 s)
    python benchmarks/class_load.py --pause 4          hands rest 4 s after each drag of 2 s (0: nobody ever rests)
    python benchmarks/class_load.py --memory           one student runs every notebook: megabytes of each

JupyterHub with its proxy, local spawner and an authenticator that lets anyone in, all on 127.0.0.1. Simulated
students (student.py) log in, get the course by nbgitpuller's link, open a notebook, run all its cells, and then
drag its sliders through the kernel's real websocket, all at once. A step is the time from a slider's message to
the message with its picture. The simulation runs on the same processors, and so does whatever else runs here:
both are reported. The pins and npm's configurable-http-proxy are installed into a temporary folder first.
Linux and macOS, with git and npm.
"""
import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROXY = "configurable-http-proxy@5.3.0"
SLOW = 0.5  # s: a slider step that is felt as waiting
SPARE = 2e9  # bytes of memory that are left alone
MARK = "LIVEGRAD_CLASS_LOAD"  # a variable in the environment of all that a hub starts


# --- outside: an environment of its own, from the standard library alone


def prepare(folder):
    """Install the course, the hub and the proxy into a folder; return its Python."""
    python = folder / "python" / "bin" / "python"
    for tool in ("git", "npm"):
        if not shutil.which(tool):
            raise SystemExit(f"This test needs {tool}, and it is not installed.")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not (folder / "installed").exists():
        venv.create(folder / "python", clear=True, with_pip=True)
        say("installing the course, the hub and its proxy into a temporary folder ...")
        for pins in ("requirements.txt", "deploy/requirements.txt"):  # the first has hashes, and pip wants them for all or for none
            subprocess.run([*install, "-r", ROOT / pins], check=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", folder, PROXY], check=True)
        (folder / "installed").touch()
    subprocess.run([*install, "--no-deps", "--force-reinstall", ROOT], check=True)  # the course as it is now
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebook", default="02", help="how its name starts (02)")
    parser.add_argument("--students", type=int, nargs="+", default=[1, 4, 8, 16, 24, 32, 40, 48, 64, 96],
                        help="how many, round after round")
    parser.add_argument("--seconds", type=float, default=10.0, help="of dragging in each round")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds that a hand rests between two drags")
    parser.add_argument("--minutes", type=float, default=10.0, help="after which the round under way is given up (10)")
    parser.add_argument("--memory", action="store_true", help="measure the memory of every notebook instead")
    parser.add_argument("--folder", type=Path, help="install there and keep it for the next time")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being ended tidies up as Ctrl-C does
    if options.measure:
        return asyncio.run(measure(options))
    with tempfile.TemporaryDirectory(prefix="class_load_") as made:
        folder = (options.folder or Path(made)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        command = [prepare(folder), __file__, *sys.argv[1:], "--folder", folder, "--measure"]
        with subprocess.Popen([str(word) for word in command]) as child:
            signal.signal(signal.SIGTERM, lambda *_: child.terminate())
            while True:
                try:
                    return child.wait()
                except KeyboardInterrupt:  # the child has it too, and tidies up
                    pass


def say(text):
    print(text, flush=True)


# --- inside: the hub


class Hub:
    """JupyterHub in a folder, for as long as the `with` block lasts; nothing that it started outlives it."""

    def __init__(self, installed, folder):
        self.folder, self.address = folder, f"http://127.0.0.1:{free_port()}"
        self.log = folder / "hub.log"
        settings = folder / "jupyterhub_config.py"
        settings.write_text(f"""
load_subconfig({str(ROOT / "deploy/littlest/livegrad.py")!r})
c = get_config()
c.JupyterHub.bind_url = {self.address!r}
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.command = [{str(installed / "node_modules/.bin/configurable-http-proxy")!r}]
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(folder / "homes/{username}")!r}
c.Spawner.ip = "127.0.0.1"
c.Spawner.cmd = [{sys.executable!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.environment.update({{{MARK!r}: {str(folder)!r}}})
if {os.geteuid() == 0}:
    c.Spawner.args.append("--allow-root")
""")
        self._command = [sys.executable, "-m", "jupyterhub", "--config", settings]

    def __enter__(self):
        (self.folder / "homes").mkdir()
        foreign = ("JUPYTER", "IPYTHON", "PYTHON", "LIVEGRAD")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        clean[MARK] = str(self.folder)
        with self.log.open("w") as log:
            self._hub = psutil.Popen([str(word) for word in self._command], cwd=self.folder, env=clean, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def __exit__(self, *_):
        everyone = self.processes()
        with contextlib.suppress(psutil.NoSuchProcess):
            self._hub.terminate()  # it ends the servers and the proxy itself
        _, alive = psutil.wait_procs(everyone, timeout=20)
        alive = {*alive, *self.processes()}
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=5)

    async def answers(self):
        """Wait until the hub can be asked."""
        host, port = urllib.parse.urlsplit(self.address).netloc.split(":")
        for _ in range(600):
            try:
                async with aiohttp.request("GET", f"{self.address}/hub/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if self._hub.poll() is not None:
                break
            await asyncio.sleep(0.1)
        raise SystemExit(f"JupyterHub does not answer. Its log ends:\n{self.log.read_text()[-2000:]}")

    def processes(self):
        """The hub and all that it started, even if it is gone itself."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == str(self.folder):
                    found.append(process)
        return found

    def kinds(self):
        """Processes by what they are: hub, proxy, server (one a student), kernel."""
        found = {"hub": [], "proxy": [], "server": [], "kernel": []}
        for process in self.processes():
            try:
                words = " ".join(process.cmdline())
            except psutil.Error:
                continue
            kind = ("kernel" if "ipykernel" in words else "server" if "singleuser" in words else
                    "proxy" if "configurable-http-proxy" in words else "hub")
            found[kind].append(process)
        return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def megabytes(processes):
    """Memory of some processes; what several share is split among them where the system tells (PSS on Linux)."""
    total = 0
    for process in processes:
        try:
            full = process.memory_full_info()
        except psutil.Error:
            continue
        total += getattr(full, "pss", 0) or full.rss
    return total / 1e6


def seconds_used(processes):
    """Processor time of some processes so far."""
    total = 0.0
    for process in processes:
        try:
            spent = process.cpu_times()
        except psutil.Error:
            continue
        total += spent.user + spent.system
    return total


# --- inside: the course in a git repository of its own


def teach(folder):
    """Make a git repository with the notebooks as they are now."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)


def commit(folder):
    git(folder, "add", ".")
    git(folder, "-c", "user.name=teacher", "-c", "user.email=teacher@example.org", "commit", "--quiet", "--message=lesson")


def git(folder, *words):
    subprocess.run(["git", "-C", folder, *words], check=True)


async def check_update(student, course, link, path):
    """Teacher and student change different cells of a notebook that was run: both are there after the link is followed."""
    mine, theirs = "my own note", "A sentence that the teacher has added."
    lesson, copy = course / path, f"{links.FOLDER}/{path}"
    text = lesson.read_text("utf-8")
    notebook = json.loads(text)
    title = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    title["source"] = [*title["source"], "\n\n" + theirs]
    lesson.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
    commit(course)
    own = student.notebook
    last = [cell for cell in own["cells"] if cell["cell_type"] == "code"][-1]
    last["source"] += f"\n# {mine}"
    await student.save(copy, own)
    await student.pull(link)
    merged = await student.read(copy)
    nbformat.validate(nbformat.from_dict(merged))
    assert mine in json.dumps(merged) and theirs in json.dumps(merged)


# --- inside: the measurements


async def measure(options):
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="class_load_") as made, Hub(options.folder, Path(made)) as hub:
        await hub.answers()
        course = Path(made) / "course"
        teach(course)
        say(f"{psutil.cpu_count()} processors, {psutil.virtual_memory().total / 1e9:.0f} GB; "
            f"hub ready after {time.monotonic() - started:.0f} s")
        students = []
        try:
            if options.memory:
                await every_notebook(hub, students, course)
            else:
                [path] = [path for path in links.lessons() if Path(path).name.startswith(options.notebook)]
                await growing_class(hub, students, path, course, options, started)
        finally:
            for student in students:
                await student.close()


async def every_notebook(hub, students, course):
    """One student opens and runs each notebook: the memory of its kernel, then and after some dragging."""
    student = Student("student0", hub.address)
    students.append(student)
    await student.arrive(links.link(hub.address, links.lessons()[0], course.as_uri(), "main"))
    say(f"server alone: {megabytes(hub.kinds()['server']):.0f} MB")
    say(f"{'notebook':40}{'runs in s':>10}{'kernel MB: after run':>22}{'after drags':>13}")
    for path in links.lessons():
        began = time.monotonic()
        await student.open(f"{links.FOLDER}/{path}")
        await student.run_all()
        took, after = time.monotonic() - began, megabytes(hub.kinds()["kernel"])
        await student.drag(STROKE * max(1, len([1 for _, sliders in student.panels for _ in sliders])) / 4)
        say(f"{Path(path).stem:40}{took:10.1f}{after:22.0f}{megabytes(hub.kinds()['kernel']):13.0f}")
        await student.shut()
    say(f"server at the end: {megabytes(hub.kinds()['server']):.0f} MB")


async def growing_class(hub, students, path, course, options, started):
    """Round after round with more students, until the step is slow or the time or the memory is over."""
    say(f"{path}: {options.seconds:g} s of dragging in each round, hands rest {options.pause:g} s between drags.\n")
    say(f"{'':8}{'slowest, s':^18}{'slider step, ms':^17}{'steps':>7}  {'processors at work while all drag':^46}"
        f"{'MB a student':^15}")
    say(f"{'students':8}{'log in':>9}{'run all':>9}{'median':>9}{'p95':>8}{'per s':>7}  "
        + "".join(f"{kind:>9}" for kind in ("kernels", "servers", "proxy", "browsers", "others")) + f"{'server':>9}{'kernel':>8}")
    link = links.link(hub.address, path, course.as_uri(), "main")
    last = now = None
    for number in options.students:
        newcomers = number - len(students)
        need = newcomers * 1e6 * (sum(last["memory"].values()) if last else 400)
        if psutil.virtual_memory().available - need < SPARE:
            say("The memory does not hold more students.")
            break
        left = 60 * options.minutes - (time.monotonic() - started)
        if last and options.seconds + newcomers * last["start"] / psutil.cpu_count() > left:
            say(f"No time for {number} students within {options.minutes:g} minutes.")
            break
        try:
            now = await asyncio.wait_for(one_round(hub, students, number, link, path, options), left)
        except TimeoutError:
            say(f"{options.minutes:g} minutes were over before {number} students had run all.")
            break
        show(now)
        if last is None:
            await check_update(students[0], course, link, path)
        if now["p95"] > SLOW:
            break
        last = now
    if now:
        conclude(last, now)


def conclude(last, now):
    """Say at how many students a step becomes slow, from the rounds before and after, and what one step and one student cost."""
    below = 1000 * SLOW
    if now["p95"] <= SLOW:
        say(f"\np95 of a slider step stays below {below:.0f} ms up to {now['number']} students.")
    elif last is None:
        say(f"\np95 of a slider step is above {below:.0f} ms from the start.")
    else:
        share = (SLOW - last["p95"]) / (now["p95"] - last["p95"])
        number = last["number"] + share * (now["number"] - last["number"])
        say(f"\np95 of a slider step passes {below:.0f} ms at {number:.0f} students.")
    cost = sum(now["step"].values())
    say(f"A step takes {cost:.0f} ms of a processor (" + ", ".join(f"{kind} {ms:.0f}" for kind, ms in now["step"].items())
        + f"), so one processor keeps {below / cost:.0f} students who all drag without rest at {below:.0f} ms a step.")
    say(f"To log in, open and run the notebook takes {now['start']:.0f} s of a processor for each student.")
    say("A notebook that was run and edited took in its teacher's update, and the edit is still there.")


async def one_round(hub, students, number, link, path, options):
    """The class grows to `number`; all drag. What was measured, by name."""
    spent = seconds_used(hub.processes())
    new = [Student(f"student{k}", hub.address) for k in range(len(students), number)]
    students += new
    arrived, ran = [], []

    async def join(student):
        start = time.monotonic()
        await student.arrive(link)
        arrived.append(time.monotonic() - start)
        await student.open(f"{links.FOLDER}/{path}")
        await student.run_all()
        ran.append(time.monotonic() - start - arrived[-1])

    await asyncio.gather(*map(join, new))
    kinds = hub.kinds()
    start_cost = (seconds_used(hub.processes()) - spent) / len(new)
    memory = {kind: megabytes(kinds[kind]) / number for kind in ("server", "kernel")}

    for student in students:
        student.steps.clear()
    before = {kind: seconds_used(processes) for kind, processes in kinds.items()} | {"browsers": time.process_time()}
    busy, start = busy_seconds(), time.monotonic()
    await asyncio.gather(*(student.drag(options.seconds, options.pause) for student in students))
    lasted = time.monotonic() - start
    used = {kind: seconds_used(processes) - before[kind] for kind, processes in kinds.items()}
    used["browsers"] = time.process_time() - before["browsers"]
    others = (busy_seconds() - busy - sum(used.values())) / lasted
    steps = sorted(step for student in students for step in student.steps)
    return {"number": number, "arrived": max(arrived), "ran": max(ran), "start": start_cost, "memory": memory,
            "median": steps[len(steps) // 2], "p95": steps[int(0.95 * len(steps))], "rate": len(steps) / lasted,
            "processors": {kind: spent / lasted for kind, spent in used.items()}, "others": others,
            "step": {kind: 1000 * used[kind] / len(steps) for kind in ("kernel", "server", "proxy")}}


def busy_seconds():
    """Seconds that the machine's processors have worked for anyone."""
    spent = psutil.cpu_times()
    idle = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is part of the user's
    return sum(spent) - sum(getattr(spent, name, 0.0) for name in idle)


def show(now):
    working = [*(now["processors"][kind] for kind in ("kernel", "server", "proxy", "browsers")), now["others"]]
    say(f"{now['number']:8}{now['arrived']:9.1f}{now['ran']:9.1f}{1000 * now['median']:9.0f}{1000 * now['p95']:8.0f}"
        f"{now['rate']:7.0f}  "
        + "".join(f"{cores:9.2f}" for cores in working) + f"{now['memory']['server']:9.0f}{now['memory']['kernel']:8.0f}")


if __name__ == "__main__":
    if "--measure" in sys.argv:
        import json

        import aiohttp
        import nbformat
        import psutil

        sys.path.insert(0, str(ROOT / "deploy"))
        import links
        from student import STROKE, Student
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing that was started is left running.")

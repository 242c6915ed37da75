"""A student of a class on JupyterHub, without a browser: logs in, opens a notebook, runs it, drags its sliders.

It sends and awaits what a browser does: the pages, the kernel's websocket in JupyterLab's binary framing, one
message per slider under way, the size of each picture, and the request for the sharp one when the hand rests.
What a browser adds, painting the picture that came, is left out.
"""
import asyncio
import contextlib
import itertools
import json
import struct
import time
import urllib.parse
import uuid

FRAMING = "v1.kernel.websocket.jupyter.org"
PARTS = ("header", "parent_header", "metadata", "content")
SCREEN = {"width": 900, "ratio": 2}
STROKE, POSITIONS, SECONDS = 2.0, 60, 120  # of one drag in s, along one slider, until an answer counts as lost


class Student:
    """One person with a browser's cookies and one open notebook."""

    def __init__(self, name, hub):
        import aiohttp  # the environment of class_load.py has it; the tests read this file without
        self.name, self.hub = name, hub
        self.server = f"{hub}/user/{name}"
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=SECONDS))
        self.steps = []  # seconds that each step of a slider took until its picture was here

    async def close(self):
        with contextlib.suppress(Exception):
            self._listening.cancel()
            await self._socket.close()
        await self.http.close()

    # --- pages ---

    async def arrive(self, link):
        """Log in and follow nbgitpuller's link, up to the copy of the course in the own home."""
        login = f"{self.hub}/hub/login"
        await self._page(login)
        form = {"username": self.name, "password": "of no account", "_xsrf": self._token("/hub/")}
        async with self.http.post(login, data=form, headers={"Referer": login}) as answer:
            answer.raise_for_status()
        await asyncio.wait_for(self._server_starts(), SECONDS)
        await self.pull(link)

    async def _server_starts(self):
        """Look again until the page that says «your server is starting up» leads on to the server."""
        while not (shown := await self._page(f"{self.hub}/hub/spawn/{self.name}", patient=True)) or self.server not in shown:
            await asyncio.sleep(0.5)

    async def pull(self, link):
        """Let nbgitpuller bring the copy of the course up to date."""
        await self._page(link)
        query = urllib.parse.urlsplit(link).query
        async with self.http.get(f"{self.server}/git-pull/api?{query}", headers=self._allowed()) as answer:
            said = await answer.text()
        if '"phase": "finished"' not in said:
            raise RuntimeError(f"nbgitpuller did not finish: {said[-600:]}")

    async def read(self, path):
        """The notebook at `path` of the own home."""
        async with self.http.get(f"{self.server}/api/contents/{path}") as answer:
            answer.raise_for_status()
            return (await answer.json())["content"]

    async def save(self, path, notebook):
        """Write a notebook back, as JupyterLab does."""
        model = {"type": "notebook", "format": "json", "content": notebook}
        async with self.http.put(f"{self.server}/api/contents/{path}", json=model, headers=self._allowed()) as answer:
            answer.raise_for_status()

    async def _page(self, address, patient=False):
        """Where a page leads to; None if `patient` and the page is not there yet."""
        async with self.http.get(address, headers={"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}) as answer:
            if patient and answer.status >= 400:
                return None
            answer.raise_for_status()
            return str(answer.url)

    def _token(self, path):
        return next(cookie.value for cookie in self.http.cookie_jar if cookie.key == "_xsrf" and cookie["path"] == path)

    def _allowed(self):
        return {"X-XSRFToken": self._token(f"/user/{self.name}/")}

    # --- the kernel ---

    async def open(self, path):
        """Start the notebook's kernel and read the notebook."""
        self.path, self.session = path, uuid.uuid4().hex
        self._asked, self.widgets, self.panels = {}, {}, []
        self._subshell = None
        what = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        async with self.http.post(f"{self.server}/api/sessions", json=what, headers=self._allowed()) as answer:
            answer.raise_for_status()
            self._opened = await answer.json()
        address = f"{self.server}/api/kernels/{self._opened['kernel']['id']}/channels?session_id={self.session}"
        self._socket = await self.http.ws_connect(address, protocols=(FRAMING,), max_msg_size=0)
        assert self._socket.protocol == FRAMING
        self._listening = asyncio.create_task(self._listen())
        information = (await self._ask("kernel_info_request", {})).reply
        if "kernel subshells" in information.get("supported_features", ()):  # where JupyterLab handles widgets
            self._subshell = (await self._ask("create_subshell_request", {}, channel="control")).reply["subshell_id"]
        self.notebook = await self.read(path)

    async def shut(self):
        """Close the notebook and end its kernel."""
        self._listening.cancel()
        await self._socket.close()
        async with self.http.delete(f"{self.server}/api/sessions/{self._opened['id']}", headers=self._allowed()) as answer:
            answer.raise_for_status()

    async def run_all(self):
        """Run every cell; each panel that appears is told how large it is shown."""
        for cell in self.notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            done = await self._ask("execute_request", {
                "code": cell["source"], "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                "stop_on_error": True})
            if done.reply["status"] != "ok":
                raise RuntimeError(f"{self.path}: {done.reply['ename']}: {done.reply['evalue']}")
            cell["execution_count"], cell["outputs"] = done.reply["execution_count"], done.outputs
            pictures = [key for key in done.opened if {"frame", "view"} <= self.widgets[key].keys()]
            sliders = [key for key in done.opened if self.widgets[key]["_model_name"] in ("IntSliderModel", "FloatSliderModel")]
            for picture in pictures:
                self.panels.append((picture, sliders))
                await self._set(picture, view=SCREEN)

    async def drag(self, seconds, pause=0.0):
        """Drag one slider after another for some seconds, `pause` seconds apart."""
        end = time.monotonic() + seconds
        hands = [(picture, slider) for picture, sliders in self.panels for slider in sliders]
        for picture, slider in itertools.cycle(hands):
            stroke = time.monotonic() + STROKE
            for value in positions(self.widgets[slider]):
                started = time.monotonic()
                if started > min(stroke, end):
                    break
                answer = await self._set(slider, value=value)
                if answer.pictured is None:
                    break  # such as the learning rate of a net that is not trained yet
                self.steps.append(answer.pictured - started)
            rest = {"method": "custom", "content": {"rest": self.widgets[picture]["frame"]["number"]}}
            await self._ask("comm_msg", {"comm_id": picture, "data": rest}, subshell=self._subshell)
            await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
            if time.monotonic() > end:
                return

    async def _set(self, widget, **state):
        self.widgets[widget].update(state)
        update = {"method": "update", "state": state, "buffer_paths": []}
        return await self._ask("comm_msg", {"comm_id": widget, "data": update}, subshell=self._subshell)

    async def _ask(self, kind, content, **how):
        """Send a message; return its `Answer` once the kernel is idle again."""
        return await asyncio.wait_for(self._exchange(kind, content, **how), SECONDS)

    async def _exchange(self, kind, content, channel="shell", subshell=None):
        header = {"msg_id": uuid.uuid4().hex, "session": self.session, "username": self.name, "version": "5.4",
                  "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "msg_type": kind}
        if subshell:
            header["subshell_id"] = subshell
        answer = self._asked[header["msg_id"]] = Answer()
        await self._socket.send_bytes(pack(channel, {"header": header, "parent_header": {}, "metadata": {}, "content": content}))
        await answer.idle.wait()
        if kind.endswith("_request"):
            await answer.replied.wait()
        del self._asked[header["msg_id"]]
        return answer

    async def _listen(self):
        async for frame in self._socket:
            message = unpack(frame.data)
            kind, content = message["header"]["msg_type"], message["content"]
            answer = self._asked.get(message["parent_header"].get("msg_id")) or Answer()
            if kind == "comm_open":
                self.widgets[content["comm_id"]] = content["data"]["state"]
                answer.opened.append(content["comm_id"])
            elif kind == "comm_msg" and content["data"].get("method") == "update":
                self.widgets[content["comm_id"]].update(content["data"]["state"])
                if "frame" in content["data"]["state"]:
                    answer.pictured = answer.pictured or time.monotonic()
            elif kind.endswith("_reply"):
                answer.reply = content
                answer.replied.set()
            elif kind == "status" and content["execution_state"] == "idle":
                answer.idle.set()
            elif kind in ("stream", "display_data", "execute_result"):
                answer.outputs.append({"output_type": kind, **{k: v for k, v in content.items() if k != "transient"}})


class Answer:
    """What came back for one message."""

    def __init__(self):
        self.replied, self.idle = asyncio.Event(), asyncio.Event()
        self.reply, self.pictured, self.opened, self.outputs = {}, None, [], []


def positions(slider):
    """Where a hand takes a slider: to its end, then back and forth over all of it, a little at a time."""
    low, high, step = slider["min"], slider["max"], slider["step"]
    stride = max(1, round((high - low) / step / POSITIONS))
    track = [low + k * step for k in range(0, round((high - low) / step) + 1, stride)]
    here = min(range(len(track)), key=lambda k: abs(track[k] - slider["value"]))
    yield from track[here + 1:]
    for there in itertools.cycle((track[-2::-1], track[1:])):
        yield from there


def pack(channel, message):
    """A message in the binary framing: how many offsets, the offsets, the parts."""
    parts = [channel.encode(), *(json.dumps(message[name]).encode() for name in PARTS)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def unpack(data):
    """The message in a binary frame, without its buffers."""
    (count,) = struct.unpack_from("<Q", data)
    offsets = struct.unpack_from(f"<{count}Q", data, 8)
    parts = [data[start:end] for start, end in itertools.pairwise(offsets)]
    return {name: json.loads(part) for name, part in zip(PARTS, parts[1:], strict=False)}

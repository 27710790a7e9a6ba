"""The processes of a fleet: started, killed, started again; what each says goes to its own log."""

import os
import signal
import subprocess
import time

# How long a process may take to end when asked.
END_SECS = 20
# A process that ended by itself is started again after this pause, as a service manager would.
AGAIN_SECS = 1.0


class Failed(Exception):
    """Something that must work did not."""


def surroundings(more=None):
    """The same for every program: UTC, C locale, none of our own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIRUNDO_", "LC_"))}
    return kept | {"TZ": "UTC", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"} | (more or {})


def run(command, log=None, expect=(0,), timeout=120, environment=None):
    """Runs a program to its end and gives what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=surroundings(environment), timeout=timeout, stdin=subprocess.DEVNULL, check=False
    )
    if log:
        with open(log, "a") as file:
            print(f"$ {' '.join(command[:6])} …\n{done.stderr}", file=file)
    if done.returncode not in expect:
        raise Failed(f"{' '.join(command[:8])} ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    return done.stdout


class Process:
    """A program that should always run."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.command, self.log, self.environment = name, command, log, environment
        self.child = None
        self.wanted = False
        self.again_at = 0.0
        # When it did not run, monotonic seconds: from, until.
        self.away = []
        # Since when its disk is full, monotonic seconds.
        self.full_since = None
        # Exit codes with which it ended although nobody killed it.
        self.ended = []
        self.starts = 0

    def start(self):
        self.wanted = True
        with open(self.log, "a") as file:
            print(f"--- start {self.starts}, {time.monotonic():.1f} s", file=file, flush=True)
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=surroundings(self.environment)
            )
        self.starts += 1

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """As a power cut would: SIGKILL, and it stays away until it is started again."""
        self.wanted = False
        if self.child is None:
            return
        # What it took while its disk was full is in its memory only, and goes with it: nobody was there, in effect, since then.
        self.away.append([self.full_since or time.monotonic(), None])
        self.child.kill()
        self.child.wait()
        self.child = None

    def fill(self, folder):
        """Fills its disk."""
        fill(folder)
        self.full_since = time.monotonic()

    def free(self, folder):
        free(folder)
        self.full_since = None

    def restart(self):
        if self.child is None:
            self.start()
            self.came_back()

    def came_back(self):
        if self.away and self.away[-1][1] is None:
            self.away[-1][1] = time.monotonic()

    def look(self):
        """Starts it again if it ended by itself."""
        if not self.wanted or self.is_running():
            return
        now = time.monotonic()
        if self.child is not None:
            self.ended.append(self.child.returncode)
            self.away.append([now, None])
            self.child, self.again_at = None, now + AGAIN_SECS
        elif now >= self.again_at:
            self.restart()

    def end(self):
        """Asks it to end, and waits."""
        self.wanted = False
        if self.child is None:
            return 0
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(END_SECS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            code = None
        self.child = None
        return code


def fill(folder):
    """Fills a filesystem to the last block."""
    path = os.path.join(folder, "filler")
    room = os.statvfs(folder)
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        size = room.f_bavail * room.f_frsize
        while size >= room.f_frsize:
            try:
                os.posix_fallocate(file, os.fstat(file).st_size, size)
            except OSError:
                size //= 2
            else:
                size = os.statvfs(folder).f_bavail * room.f_frsize
    finally:
        os.close(file)


def free(folder):
    try:
        os.unlink(os.path.join(folder, "filler"))
    except FileNotFoundError:
        pass

"""Links that hand each student of a hub a copy of the course, opened at one notebook.

    python deploy/links.py https://hub.example.edu                      one line for each notebook
    python deploy/links.py https://hub.example.edu --branch autumn      of that branch or tag
    python deploy/links.py https://hub.example.edu --repo ADDRESS       of your own fork

Whoever follows a link logs in, gets the course into the folder livegrad of the own home, and sees that notebook.
Following it again merges in what has changed since; nbgitpuller, which does this, never overwrites a student's edit.
"""
import argparse
import tomllib
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "livegrad"  # in the student's home


def lessons():
    """Paths of the notebooks inside the course."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/[0-9]*.ipynb"))


def address():
    """Where the course lives."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]


def link(hub, path, repo, branch):
    """The link that copies a branch of the repository `repo` to a student of `hub` and opens the notebook at `path` there."""
    query = {"repo": repo, "branch": branch, "targetpath": FOLDER, "urlpath": f"lab/tree/{FOLDER}/{path}"}
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(query)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hub", help="the hub's address")
    parser.add_argument("--repo", default=address(), help="where the course lives (%(default)s)")
    parser.add_argument("--branch", default="main", help="branch or tag that the class works with (main)")
    options = parser.parse_args()
    for path in lessons():
        print(f"{Path(path).stem[:2]}  {link(options.hub, path, options.repo, options.branch)}")


if __name__ == "__main__":
    main()

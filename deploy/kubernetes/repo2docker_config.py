"""Builds the image of a student's server: see README.md beside this folder."""
c = get_config()  # noqa: F821  (repo2docker defines it)

# The student's own disk is mounted over the home folder. The course's library must not lie under it.
c.Repo2Docker.target_repo_dir = "/srv/livegrad"
c.Repo2Docker.appendix = "RUN pip install --no-cache-dir nbgitpuller==1.3.0"
c.Repo2Docker.output_image_spec = "livegrad:class"

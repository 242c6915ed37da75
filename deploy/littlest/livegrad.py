"""Settings of The Littlest JupyterHub for the course; install.sh lays this file into its jupyterhub_config.d."""
c = get_config()  # noqa: F821  (JupyterHub defines it)

c.Spawner.default_url = "/lab"
# As start.py does: one thread for small matrices, which on a shared machine is much faster than several.
c.Spawner.environment.update({"OPENBLAS_NUM_THREADS": "1"})
# When a whole class logs in at once, the last one waits longer than the 60 and 30 s of the defaults.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 180
# A notebook that was closed gives its memory back after half an hour; one that is open in a browser stays.
c.Spawner.args.extend(["--MappingKernelManager.cull_idle_timeout=1800", "--MappingKernelManager.cull_interval=300"])

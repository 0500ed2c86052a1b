# The program itself, for the containers of compose.yaml and any other node of a cluster: one code, one Python.
# (What untrusted code runs in is sandbox/docker/Dockerfile; `dgm images build` builds that.)
# Packages come from the index, or from wheels/ where a build can reach none: see scripts/node-image.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS built
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
ARG PIP_INDEX_URL
WORKDIR /src
COPY pyproject.toml constraints.txt wheel[s] wheels/
RUN python3 -m venv /opt/venv && \
    python3 -c "import tomllib; print(*tomllib.load(open('wheels/pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > wanted && \
    /opt/venv/bin/pip install --no-cache-dir --no-compile --constraint wheels/constraints.txt --requirement wanted
COPY pyproject.toml README.md LICENSE ./
COPY archive archive
COPY configs configs
COPY dgm dgm
COPY sandbox sandbox
# Then byte code of what a node imports, since it may not write it later.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps . && cd / && \
    /opt/venv/bin/python -c "import dgm.config, dgm.launch, dgm.report.page.live, dgm.workers, openai, ray.scripts.scripts"

FROM ${BASE_IMAGE} AS node
RUN command -v git > /dev/null || { apt-get update -qq && \
        apt-get install -qq -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*; }
RUN echo dgm:x:10000:10000::/home/dgm:/bin/sh >> /etc/passwd && echo dgm:x:10000: >> /etc/group && \
    install -d -o dgm -g dgm /home/dgm
COPY --from=built /opt/venv /opt/venv
COPY scripts/cluster-node /usr/local/bin/
# Ray: no reports to its makers, no warning about devices, its files apart from TMPDIR; boxes end by themselves.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    RAY_USAGE_STATS_ENABLED=0 RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 RAY_kill_child_processes_on_worker_exit=0 \
    RAY_TMPDIR=/tmp
USER dgm
WORKDIR /home/dgm
ENTRYPOINT ["cluster-node"]

# Millrace's image: one for web and worker, the command decides.

FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt
COPY . /srv/millrace
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib /srv/millrace

FROM python:3.11.15-slim-bookworm
# Archives other than zip and tar are read with libarchive; the sandbox's filter is made with libseccomp.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libarchive13 libseccomp2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /nonexistent --shell /usr/sbin/nologin millrace \
    && install -d -o millrace -g millrace -m 0750 /data
# The code belongs to root: the user that runs it can't change it.
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/millrace /srv/millrace
WORKDIR /srv/millrace
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data LOG_FORMAT=json
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "scripts/healthy.py", "http://127.0.0.1:8000/readyz"]
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "asgi:application"]

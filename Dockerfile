# The service, its workers and the command line, for whoever is nobody in particular.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY scanner scanner
COPY secureload secureload
COPY policies policies
RUN python -m venv /opt/secureload \
 && /opt/secureload/bin/pip install --no-cache-dir --constraint constraints.txt ".[cluster,otel]" \
 && /opt/secureload/bin/python -m compileall -q /opt/secureload/lib

FROM python:3.12-slim
# git reads signed commits, gpg and ssh-keygen verify them.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends git gnupg openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/secureload secureload
COPY --from=build /opt/secureload /opt/secureload
COPY deploy/kubernetes/initialise.py /opt/secureload/bin/secureload-initialise
# Everything that is written lies below these two; the rest may be read-only.
ENV PATH=/opt/secureload/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SECURELOAD_HOME=/var/lib/secureload \
    SECURELOAD_SERVE_HOST=0.0.0.0 \
    SECURELOAD_SERVE_LOG_FORMAT=json
USER 10001:10001
VOLUME ["/var/lib/secureload", "/tmp"]
EXPOSE 8642
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8642/livez', timeout=4)"]
ENTRYPOINT ["secureload"]
CMD ["serve"]

# unmask serve: slim, not root, works with a read-only root. How to run it: docs/deploy.md.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/unmask \
 && /opt/unmask/bin/pip install --no-cache-dir --only-binary=:all: --constraint constraints.txt \
    ".[serve]" "psycopg[binary]>=3.2" \
 && /opt/unmask/bin/python -m compileall -q /opt/unmask

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin unmask \
 && install --directory --owner=unmask --mode=700 /data
COPY --from=build /opt/unmask /opt/unmask
# Everything that is written goes to /data: database, uploads and reports.
ENV PATH=/opt/unmask/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/data
# No library reports to anybody; unmask sees to it itself, this holds for all else that is started in the image.
ENV ORT_DISABLE_TELEMETRY=1 RAY_USAGE_STATS_ENABLED=0 HF_HUB_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["unmask"]
# Listening beyond the container, the server asks for API keys: make one with `unmask keys add NAME --folder /data`.
CMD ["serve", "--host", "0.0.0.0", "--folder", "/data"]

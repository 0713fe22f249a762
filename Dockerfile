# The PBX in one image. Alone it runs everything with its own database and Redis, as bin/run does:
#   docker build -t pbx . && docker run --network host -v pbx-data:/data pbx
# docker-compose.yml runs each part by itself, with a real PostgreSQL and Redis.
FROM python:3.11-slim-bookworm

# Locked to what was tested; wheels only, so no compiler is needed.
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement requirements.txt

COPY manage.py ./
COPY pbx pbx
COPY sipcore sipcore
COPY templates templates
COPY static static
COPY locale locale

# Volumes that are made here belong to the account that writes them.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin pbx \
    && install --directory --owner pbx --mode 0700 /data /run/siblings
USER pbx
ENV PBX_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data

# Pages; SIP over UDP and TCP.
EXPOSE 8000/tcp 5060/udp 5060/tcp
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "runpbx"]

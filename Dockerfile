# The bot for Discord, in a container: `docker build --tag menagerie .` (see docs/configuration.md).
#
# TORCH_INDEX_URL names a further package index, for a build of torch other than the ordinary one
# (without CUDA, say); where it is empty, only pip's own index is asked.

FROM python:3.11-slim AS build
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /source
# First what the bot needs, which changes seldom, with the packages still empty; then the bot.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir bot cogs \
    && /venv/bin/pip install ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} \
       --constraint constraints.txt .
COPY bot bot
COPY cogs cogs
RUN /venv/bin/pip install --no-deps --force-reinstall .

FROM python:3.11-slim
# The letters of charts; without them Pillow's own serve, which lack most accents.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 menagerie \
    && mkdir -p /data/state /data/cache \
    && chown -R menagerie /data
COPY --from=build /venv /venv
WORKDIR /app
COPY docker/config.toml docker/health.py ./
ENV PATH="/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    MENAGERIE_STATE=/data/state \
    MENAGERIE_CACHE=/data/cache
USER menagerie
VOLUME ["/data"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "/app/health.py"]
CMD ["python", "-m", "bot", "run"]

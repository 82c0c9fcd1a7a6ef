#!/bin/sh
# Builds what wrangler.toml deploys: the Worker and the web client. wrangler runs it in the project's folder.
set -eu

# Set by callers that have built both already.
if [ "${SUBSPACE_WORKER_IS_BUILT:-}" = 1 ]; then
  exit 0
fi

# Cloudflare's machines have Node.js but not always Rust.
if ! command -v cargo >/dev/null 2>&1; then
  if [ ! -x "$HOME/.cargo/bin/cargo" ]; then
    echo "Installing Rust with rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
  fi
  PATH="$HOME/.cargo/bin:$PATH"
  export PATH
fi
exec cargo xtask worker

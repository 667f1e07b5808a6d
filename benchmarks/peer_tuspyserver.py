"""tuspyserver as its README mounts it. Arguments: a port, the folder for the files."""

import sys

import uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router


def main(port: int, folder: str) -> None:
    """Serve until killed."""
    app = FastAPI()
    app.include_router(create_tus_router(prefix="files", files_dir=folder, max_size=2**40))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", loop="uvloop")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""Train the reduced HiFiC: the program of `hsc.train.baselines` with that architecture.

python -m hsc.train.hific --minutes 30 --data faces-00.tar --data faces-01.tar --out runs/hific
python -m hsc.train.hific --minutes 10 --from runs/hific --data faces-00.tar --out runs/hific --adversary
python -m hsc.train.hific --from runs/hific --export assets/weights/hific.safetensors
"""

from __future__ import annotations

import sys

from hsc.train.baselines import main

if __name__ == "__main__":
    main(["hific", *sys.argv[1:]], prog_name="python -m hsc.train.hific")

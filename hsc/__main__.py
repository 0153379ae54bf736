from hsc.cli import run

run()

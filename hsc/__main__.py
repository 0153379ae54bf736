from hsc.cli.main import run

run()

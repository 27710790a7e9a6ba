"""Three sensors and a centre on one machine, live."""


def run(options):
    raise NotImplementedError

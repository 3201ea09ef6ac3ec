"""The fork server of the campaign, and the good files that its cases break."""

import pytest
from faults.campaign.commands import ForkServer
from faults.campaign.recordings import make_templates


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = ForkServer(tmp_path_factory.mktemp("server") / "home")
    yield server
    server.close()


@pytest.fixture(scope="session")
def templates(tmp_path_factory, server):
    return make_templates(tmp_path_factory.mktemp("templates"), server)

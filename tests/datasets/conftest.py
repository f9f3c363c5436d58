import pytest
from toy_faces import mesh_of, picture_of


@pytest.fixture
def mesh():
    return mesh_of()


@pytest.fixture
def face(mesh):
    return picture_of(mesh)


@pytest.fixture
def box(mesh):
    return (*mesh.min(0).tolist(), *mesh.max(0).tolist())

"""Hosts of records and of gists on loopback, in one app: their paths, JSON, redirects, headers and error answers.

Modelled on what the real ones document: doi.org, Zenodo (InvenioRDM's ``/api/records``), figshare v2, HydroShare's
hsapi, Dataverse's native API, CKAN's action API, GitHub's gists. In tests::

    host = FakeRecords()
    async with serving(host.app) as host.url:
        host.add_zenodo("3242074", {"data.csv": b"1"}, concept="3242073")
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

Files = Mapping[str, bytes]


@dataclass
class FakeRecords:
    """All hosts; ``status`` and ``headers`` spoil all answers of the APIs, ``asked`` lists paths with their tags, and
    ``cookies`` what came along."""

    app: FastAPI = field(default_factory=FastAPI)
    url: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    bags_preparing: int = 0

    def __post_init__(self) -> None:
        self.app.get("/{path:path}")(self._answer)

    async def _answer(self, request: Request, path: str) -> Response:
        key = path + (f"?{request.url.query}" if request.url.query else "")
        tag = request.headers.get("if-none-match")
        self.asked.append((key, tag))
        self.cookies.extend(request.cookies)
        if key in self.redirects:
            return RedirectResponse(self.redirects[key], status_code=302)
        if key in self.contents:
            return self._send(key)
        return self._answer_api(key, tag)

    def _answer_api(self, key: str, tag: str | None) -> Response:
        if self.status is not None:
            return Response(self.body or b"{}", status_code=self.status, headers=self.headers)
        if key not in self.documents:
            return self._build_missing(key)
        if self.body is not None:
            return Response(self.body)
        document = JSONResponse(self.documents[key], headers=self.headers)
        etag = f'"{hashlib.sha256(bytes(document.body)).hexdigest()[:12]}"'
        if tag == etag:
            return Response(status_code=304, headers={"etag": etag, **self.headers})
        document.headers["etag"] = etag
        return document

    def _send(self, key: str) -> Response:
        if key.startswith("django_irods") and self.bags_preparing:
            self.bags_preparing -= 1
            return JSONResponse({"bag_status": "Not ready", "task_id": "0b8c"})
        kind = "application/zip" if key.startswith("django_irods") else "application/octet-stream"
        return Response(self.contents[key], media_type=kind, headers={"content-encoding": "identity"})

    @staticmethod
    def _build_missing(path: str) -> Response:
        if path.startswith("v2/"):
            return JSONResponse({"message": "Entity not found: article", "code": "EntityNotFound"}, status_code=404)
        if path.startswith("api/3/"):
            error = {"__type": "Not Found Error", "message": "Not found"}
            return JSONResponse({"success": False, "error": error}, status_code=404)
        if path.startswith("api/datasets"):
            return JSONResponse({"status": "ERROR", "message": "Dataset not found"}, status_code=404)
        return JSONResponse({"status": 404, "message": "Not Found"}, status_code=404)

    def add_zenodo(self, number: str, files: Files, *, concept: str | None = None, access: str = "open") -> None:
        """Publish a record; it becomes the newest of its concept."""
        for old in (number, concept) if concept else (number,):
            self.redirects[f"10.5281/zenodo.{old}"] = f"{self.url}/doi/10.5281/zenodo.{old}"
            self.redirects[f"doi/10.5281/zenodo.{old}"] = f"{self.url}/records/{number}"
        self.contents[f"records/{number}"] = b"<html>"
        self.documents[f"api/records/{number}"] = {
            "id": int(number),
            "recid": number,
            "conceptrecid": concept,
            "doi": f"10.5281/zenodo.{number}",
            "metadata": {"title": "A record", "access_right": access, "resource_type": {"type": "software"}},
            "files": [
                {
                    "id": "f3b1",
                    "key": name,
                    "size": len(content),
                    "checksum": f"md5:{_md5(content)}",
                    "links": {"self": self._add_file(f"api/records/{number}/files/{name}/content", content)},
                }
                for name, content in files.items()
            ],
        }

    def add_figshare(self, article: int, versions: Sequence[Files], *, stem: str = "10.6084/m9.figshare") -> None:
        """Publish an article with its versions, the first of which is 1."""
        numbers = range(1, len(versions) + 1)
        self.documents[f"v2/articles/{article}/versions"] = [
            {"version": number, "url": f"{self.url}/v2/articles/{article}/versions/{number}"} for number in numbers
        ]
        for number, files in zip(numbers, versions, strict=True):
            self.documents[f"v2/articles/{article}/versions/{number}"] = {
                "id": article,
                "version": number,
                "doi": f"{stem}.{article}.v{number}",
                "is_embargoed": False,
                "files": [
                    {
                        "id": place,
                        "name": name,
                        "size": len(content),
                        "is_link_only": False,
                        "download_url": self._add_file(f"files/{article}-{number}-{place}", content),
                        "supplied_md5": _md5(content),
                        "computed_md5": _md5(content),
                    }
                    for place, (name, content) in enumerate(files.items())
                ],
            }

    def add_hydroshare(self, resource: str, files: Files, *, modified: str = "2019-09-25T16:09:17.006152Z") -> None:
        """Publish a resource, or change it: there is one state only."""
        self.documents[f"hsapi/resource/{resource}/scimeta/elements"] = {
            "title": "A resource",
            "dates": [
                {"type": "created", "start_date": "2019-01-01T00:00:00Z", "end_date": None},
                {"type": "modified", "start_date": modified, "end_date": None},
            ],
        }
        members = {f"{resource}/data/contents/{name}": content for name, content in files.items()}
        bag = build_zip({f"{resource}/bagit.txt": b"BagIt-Version: 0.96", **members})
        self.contents[f"django_irods/download/bags/{resource}"] = bag

    def add_dataverse(
        self, doi: str, number: int, versions: Mapping[str, Files], *, tables: Files | None = None
    ) -> None:
        """Publish a dataset; keys are ``1.0``, and the last is the newest. ``tables`` are kept in another form."""
        self.redirects[doi] = f"{self.url}/citation?persistentId=doi:{doi}"
        for version, files in versions.items():
            major, minor = version.split(".")
            self.documents[f"api/datasets/{number}/versions/{version}"] = {
                "status": "OK",
                "data": {
                    "id": number + 1,
                    "datasetId": number,
                    "versionNumber": int(major),
                    "versionMinorNumber": int(minor),
                    "versionState": "RELEASED",
                    "files": [
                        *(self._build_data_file(name, content) for name, content in files.items()),
                        *(self._build_table(name, content) for name, content in (tables or {}).items()),
                    ],
                },
            }
        authority, _, identifier = doi.partition("/")
        self.documents[f"api/datasets/:persistentId/?persistentId=doi:{doi}"] = {
            "status": "OK",
            "data": {
                "id": number,
                "protocol": "doi",
                "authority": authority,
                "identifier": identifier,
                "persistentUrl": f"https://doi.org/{doi}",
                "latestVersion": self.documents[f"api/datasets/{number}/versions/{version}"]["data"],
            },
        }

    def _build_data_file(self, name: str, content: bytes) -> dict[str, Any]:
        folder, _, label = name.rpartition("/")
        number = len(self.contents) + 1
        self._add_file(f"api/access/datafile/{number}", content)
        checksum = {"type": "MD5", "value": _md5(content)}
        data = {"id": number, "filename": label, "filesize": len(content), "md5": _md5(content), "checksum": checksum}
        return {"label": label, "restricted": False, "dataFile": data, **({"directoryLabel": folder} if folder else {})}

    def _build_table(self, name: str, content: bytes) -> dict[str, Any]:
        file = self._build_data_file(name.replace(".csv", ".tab"), b"another form")
        number = file["dataFile"]["id"]
        self._add_file(f"api/access/datafile/{number}?format=original", content)
        checksum = {"type": "MD5", "value": _md5(content)}
        original = {"originalFileName": name, "originalFileSize": len(content), "md5": _md5(content)}
        return {**file, "dataFile": {**file["dataFile"], **original, "checksum": checksum}}

    def add_ckan(
        self, name: str, files: Files, *, modified: str = "2021-04-09T11:39:37.657233", activity: str | None = None
    ) -> None:
        """Publish a dataset's newest state, or one of its history."""
        key = f"activity_data_show?id={activity}&object_type=package" if activity else f"package_show?id={name}"
        self.documents[f"api/3/action/{key}"] = {
            "success": True,
            "result": {
                "id": "c322307a-b871-44fe-a602-32ee8437ff04",
                "name": name,
                "metadata_modified": modified,
                "resources": [
                    {
                        "id": f"r{place}",
                        "url": self._add_file(f"dataset/{name}/{modified}/{place}/download/{file}", content),
                        "hash": "",
                        "size": len(content),
                        "url_type": "upload",
                    }
                    for place, (file, content) in enumerate(files.items())
                ],
            },
        }

    def add_gist(self, gist: str, versions: Sequence[str], *, public: bool = True) -> None:
        """Publish a gist with the SHAs of its versions, the newest first."""
        history = [
            {"version": sha, "user": {"login": "ada"}, "committed_at": "2020-01-01T00:00:00Z"} for sha in versions
        ]
        document = {"id": gist, "public": public, "owner": {"login": "ada"}, "history": history, "truncated": False}
        self.documents[f"gists/{gist}"] = document
        for place, sha in enumerate(versions):
            self.documents[f"gists/{gist}/{sha}"] = {**document, "history": history[place:]}

    def _add_file(self, path: str, content: bytes) -> str:
        self.contents[path] = content
        return f"{self.url}/{path}"


def build_zip(files: Files, *, modes: Mapping[str, int] | None = None) -> bytes:
    """Build a zip file; ``modes`` are those of Unix, by name."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(info, content)
    return output.getvalue()


def build_tar(
    files: Files, *, others: Sequence[tarfile.TarInfo] = (), mode: Literal["w:", "w:gz", "w:xz"] = "w:gz"
) -> bytes:
    """Build a tar file with files first, and then whatever else."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode=mode, format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in others:
            archive.addfile(info)
    return output.getvalue()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

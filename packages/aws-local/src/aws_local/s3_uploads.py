"""Multipart uploads: start, parts, completion, lists."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .s3_content import copy_source, kept_headers, received
from .s3_limits import SMALLEST_PART, tags_of
from .s3_messages import NAMESPACE, Request, Response, blocks, byte_range, iso, parse_xml, xml
from .store import ObjectStore
from .stored import StoreError


class Uploads:
    """Answers the requests about multipart uploads of an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def handle(self, request: Request) -> Response:
        """Answer a request about one object's uploads."""
        upload = request.query.get("uploadId", "")
        if request.method == "POST" and "uploads" in request.query:
            upload = self.store.start_upload(
                request.bucket,
                request.key,
                {k: v for k, v in kept_headers(request).items() if not k.startswith("x-amz-checksum-")},
                tags_of(request),
            )
            return xml(
                f"<InitiateMultipartUploadResult {NAMESPACE}><Bucket>{request.bucket}</Bucket>"
                f"<Key>{escape(request.key)}</Key><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
        if request.method == "PUT":
            return self._put_part(request, upload)
        if request.method == "DELETE":
            self.store.parts(upload)
            self.store.abort_upload(upload)
            return Response(204)
        if request.method == "GET":
            return self._list_parts(request, upload)
        wanted = [
            (int(part.findtext("PartNumber") or 0), (part.findtext("ETag") or "").strip('"'))
            for part in parse_xml(request.read()).iter("Part")
        ]
        stored = self.store.complete_upload(upload, wanted, SMALLEST_PART)
        return xml(
            f"<CompleteMultipartUploadResult {NAMESPACE}><Location>/{escape(request.path)}</Location>"
            f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag></CompleteMultipartUploadResult>"
        )

    def _put_part(self, request: Request, upload: str) -> Response:
        number = int(request.query.get("partNumber", 0))
        if not 1 <= number <= 10_000:
            raise StoreError("InvalidArgument", "Part number must be an integer between 1 and 10000")
        if not request.headers.get("x-amz-copy-source"):
            blob = received(self.store, request)
            self.store.put_part(upload, number, blob)
            return Response(200, {"ETag": f'"{blob.etag}"'})
        source = copy_source(self.store, request)
        start, end = byte_range(request.headers.get("x-amz-copy-source-range"), source.size)
        blob = self.store.receive(blocks(self.store.open(source), start, end))
        self.store.put_part(upload, number, blob)
        return xml(
            f"<CopyPartResult {NAMESPACE}><LastModified>{iso(source.modified)}</LastModified>"
            f"<ETag>&quot;{blob.etag}&quot;</ETag></CopyPartResult>"
        )

    def _list_parts(self, request: Request, upload: str) -> Response:
        rows = "".join(
            f"<Part><PartNumber>{number}</PartNumber><LastModified>{iso(modified)}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size></Part>"
            for number, _, size, etag, modified in self.store.parts(upload)
        )
        return xml(
            f"<ListPartsResult {NAMESPACE}><Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
            f"<UploadId>{upload}</UploadId><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>"
        )

    def list_uploads(self, request: Request) -> Response:
        """The unfinished uploads of a bucket."""
        self.store.bucket_region(request.bucket)
        prefix = request.query.get("prefix", "")
        rows = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            f"<Initiated>{iso(started)}</Initiated></Upload>"
            for upload, key, started in self.store.uploads(request.bucket)
            if key.startswith(prefix)
        )
        return xml(
            f"<ListMultipartUploadsResult {NAMESPACE}><Bucket>{request.bucket}</Bucket>"
            f"<IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>"
        )

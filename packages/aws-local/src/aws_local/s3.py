"""The S3 REST interface over the object store: what boto3, the AWS CLI and Spark's S3A send.

Moto keeps every object in memory and lists by walking all keys, so object traffic is served here. Bucket
settings (encryption, policy, public access block …), which Terraform writes and nothing local reads, go on to
moto; ``handle`` returns None for those. Buckets are not versioned: a versioned bucket answers with its current
objects as version ``null``.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from email.utils import formatdate
from xml.sax.saxutils import escape

from .s3_content import copy_source, kept_headers, received
from .s3_limits import MOST_KEYS, SIGNATURE_QUERIES, check_object_request, checked_tags, tags_of
from .s3_messages import (
    NAMESPACE,
    OWNER,
    Request,
    Response,
    blocks,
    byte_range,
    error_response,
    iso,
    parse_xml,
    precondition,
    xml,
)
from .s3_uploads import Uploads
from .store import BLOCK, ObjectStore
from .stored import StoredObject, StoreError

_ATTRIBUTES = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
_CHECKSUMS = {
    f"Checksum{kind}": f"x-amz-checksum-{kind.lower()}"
    for kind in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
}
_BUCKET_QUERIES = {"location", "uploads", "versions", "delete", "list-type", "prefix", "delimiter", "marker"}


class S3Api:
    """Answers S3 requests from an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self._uploads = Uploads(store)

    def handle(self, request: Request) -> Response | None:
        """Answer a request, or None when it is about bucket settings (moto's part)."""
        try:
            if not request.bucket:
                return self._list_buckets()
            handler = self._route(request)
            return handler(request) if handler else None
        except StoreError as error:
            return error_response(error, request.path)

    def _route(self, request: Request) -> Callable[[Request], Response] | None:
        method = request.method
        if not request.key:
            settings = {
                name
                for name in request.query
                if name not in _BUCKET_QUERIES
                and not SIGNATURE_QUERIES.fullmatch(name)
                and name
                not in {
                    "continuation-token",
                    "start-after",
                    "fetch-owner",
                    "key-marker",
                    "version-id-marker",
                    "upload-id-marker",
                    "max-uploads",
                }
            }
            if settings:
                return None
            table: dict[str, Callable[[Request], Response]] = {
                "GET": self._get_bucket,
                "HEAD": self._head_bucket,
                "PUT": self._create_bucket,
                "DELETE": self._delete_bucket,
                "POST": self._delete_objects,
            }
            return table.get(method)
        check_object_request(request)
        if "tagging" in request.query:
            return self._tagging
        if "attributes" in request.query:
            return self._attributes
        if "acl" in request.query:
            return self._acl
        if "uploads" in request.query or "uploadId" in request.query:
            return self._uploads.handle
        table = {
            "GET": self._get_object,
            "HEAD": self._get_object,
            "PUT": self._put_object,
            "DELETE": self._delete_object,
        }
        return table.get(method)

    # -- buckets ---------------------------------------------------------------------------------------------

    def _list_buckets(self) -> Response:
        rows = "".join(
            f"<Bucket><Name>{name}</Name><CreationDate>{iso(created)}</CreationDate>"
            f"<BucketRegion>{region}</BucketRegion></Bucket>"
            for name, created, region in self.store.buckets()
        )
        return xml(
            f"<ListAllMyBucketsResult {NAMESPACE}>{OWNER}<Buckets>{rows}</Buckets></ListAllMyBucketsResult>"
        )

    def _create_bucket(self, request: Request) -> Response:
        body = request.read()
        region = parse_xml(body).findtext("LocationConstraint") if body.strip() else None
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", request.bucket):
            raise StoreError("InvalidBucketName", f"The specified bucket is not valid: {request.bucket}")
        if not self.store.create_bucket(request.bucket, region):
            raise StoreError(
                "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded", 409
            )
        return Response(200, {"Location": f"/{request.bucket}"})

    def _head_bucket(self, request: Request) -> Response:
        return Response(200, {"x-amz-bucket-region": self.store.bucket_region(request.bucket)})

    def _delete_bucket(self, request: Request) -> Response:
        self.store.delete_bucket(request.bucket)
        return Response(204)

    def _get_bucket(self, request: Request) -> Response:
        if "location" in request.query:
            region = self.store.bucket_region(request.bucket)
            return xml(f"<LocationConstraint {NAMESPACE}>{region}</LocationConstraint>")
        if "uploads" in request.query:
            return self._uploads.list_uploads(request)
        return self._list_objects(request)

    def _list_objects(self, request: Request) -> Response:
        query = request.query
        newer, versions = query.get("list-type") == "2", "versions" in query
        try:
            limit = min(int(query.get("max-keys") or 1000), 1000)
        except ValueError:
            raise StoreError("InvalidArgument", "max-keys must be an integer") from None
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        if newer:
            token = query.get("continuation-token")
            after = urllib.parse.unquote(token) if token else query.get("start-after", "")
        else:
            after = query.get("key-marker" if versions else "marker", "")
        page = self.store.list_page(request.bucket, prefix, delimiter, after, limit) if limit else None
        objects, prefixes = (page.objects, page.prefixes) if page else ([], [])
        marker = page.next_marker if page else None

        def text(value: str) -> str:
            encoded = urllib.parse.quote(value, safe="/-_.~") if query.get("encoding-type") == "url" else value
            return escape(encoded)

        item = "Version" if versions else "Contents"
        extra = "<VersionId>null</VersionId><IsLatest>true</IsLatest>" if versions else ""
        owner = OWNER if not newer or query.get("fetch-owner") == "true" else ""
        rows = [
            f"<{item}><Key>{text(stored.key)}</Key>{extra}<LastModified>{iso(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.size}</Size>{owner}"
            f"<StorageClass>STANDARD</StorageClass></{item}>"
            for stored in objects
        ]
        rows += [f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>" for name in prefixes]
        head = (
            f"<Name>{request.bucket}</Name><Prefix>{text(prefix)}</Prefix><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{'true' if marker else 'false'}</IsTruncated>"
        )
        if delimiter:
            head += f"<Delimiter>{text(delimiter)}</Delimiter>"
        if query.get("encoding-type"):
            head += f"<EncodingType>{escape(query['encoding-type'])}</EncodingType>"
        if newer:
            head += f"<KeyCount>{len(objects) + len(prefixes)}</KeyCount>"
            if query.get("continuation-token"):
                head += f"<ContinuationToken>{escape(query['continuation-token'])}</ContinuationToken>"
            if query.get("start-after"):
                head += f"<StartAfter>{text(query['start-after'])}</StartAfter>"
            if marker:
                token = urllib.parse.quote(marker, safe="")
                head += f"<NextContinuationToken>{token}</NextContinuationToken>"
        elif versions:
            head += f"<KeyMarker>{text(after)}</KeyMarker><VersionIdMarker></VersionIdMarker>"
            if marker:
                head += f"<NextKeyMarker>{text(marker)}</NextKeyMarker>"
                head += "<NextVersionIdMarker>null</NextVersionIdMarker>"
        else:
            head += f"<Marker>{text(after)}</Marker>"
            if marker:
                head += f"<NextMarker>{text(marker)}</NextMarker>"
        root = "ListVersionsResult" if versions else "ListBucketResult"
        return xml(f"<{root} {NAMESPACE}>{head}{''.join(rows)}</{root}>")

    def _delete_objects(self, request: Request) -> Response:
        if "delete" not in request.query:
            raise StoreError("MethodNotAllowed", "The specified method is not allowed here", 405)
        root = parse_xml(request.read())
        keys = [element.findtext("Key") or "" for element in root.iter("Object")]
        if not 1 <= len(keys) <= MOST_KEYS:
            raise StoreError("MalformedXML", f"A request deletes 1 to {MOST_KEYS} keys")
        self.store.delete(request.bucket, keys)
        rows = ""
        if (root.findtext("Quiet") or "").lower() != "true":
            rows = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return xml(f"<DeleteResult {NAMESPACE}>{rows}</DeleteResult>")

    # -- objects ---------------------------------------------------------------------------------------------

    def _put_object(self, request: Request) -> Response:
        if request.headers.get("x-amz-copy-source"):
            return self._copy_object(request)
        self.store.bucket_region(request.bucket)
        tags = tags_of(request)  # first: a refusal after the upload would leave its content on the disk
        stored = self.store.put(
            request.bucket,
            request.key,
            received(self.store, request),
            kept_headers(request),
            tags,
            only_if_absent=request.headers.get("if-none-match") == "*",
        )
        return Response(200, {"ETag": f'"{stored.etag}"'})

    def _copy_object(self, request: Request) -> Response:
        source = copy_source(self.store, request)
        replace = request.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        same = (source.bucket, source.key) == (request.bucket, request.key)
        if same and not replace and not request.headers.get("x-amz-storage-class"):
            raise StoreError("InvalidRequest", "This copy request is illegal: it copies an object to itself")
        retag = request.headers.get("x-amz-tagging-directive", "COPY").upper() == "REPLACE"
        stored = self.store.copy(
            source,
            request.bucket,
            request.key,
            kept_headers(request) if replace else source.headers,
            tags_of(request) if retag else source.tags,
        )
        return xml(
            f"<CopyObjectResult {NAMESPACE}><LastModified>{iso(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag></CopyObjectResult>"
        )

    def _get_object(self, request: Request) -> Response:
        for _ in range(3):
            stored = self.store.get(request.bucket, request.key)
            headers = self._object_headers(stored, request)
            if (refused := precondition(stored, request.headers)) is not None:
                return Response(refused, {"ETag": headers["ETag"]} if refused == 304 else {})
            start, end = byte_range(request.headers.get("range"), stored.size)
            status = 200
            if (start, end) != (0, stored.size):
                status = 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
                for name in list(headers):
                    if name.startswith("x-amz-checksum-"):
                        del headers[name]  # they are of the whole object
            headers["Content-Length"] = str(end - start)
            if request.method == "HEAD":
                return Response(status, headers)
            try:
                file = self.store.open(stored)
            except FileNotFoundError:
                continue  # overwritten since the look-up: serve the new one
            if end - start <= BLOCK:
                with file:
                    file.seek(start)
                    return Response(status, headers, file.read(end - start))
            return Response(status, headers, blocks(file, start, end))
        raise StoreError("NoSuchKey", "The object went away while it was read", 404)

    def _object_headers(self, stored: StoredObject, request: Request) -> dict[str, str]:
        headers = {
            "ETag": f'"{stored.etag}"',
            "Last-Modified": formatdate(stored.modified, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        checksums = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
        for name, value in stored.headers.items():
            if checksums or not name.startswith("x-amz-checksum-"):
                headers[name.title() if not name.startswith("x-amz-") else name] = value
        if stored.tags:
            headers["x-amz-tagging-count"] = str(len(stored.tags))
        for name, value in request.query.items():
            if name.startswith("response-"):
                headers[name.removeprefix("response-").title()] = value
        return headers

    def _delete_object(self, request: Request) -> Response:
        self.store.delete(request.bucket, [request.key])
        return Response(204)

    def _tagging(self, request: Request) -> Response:
        if request.method == "PUT":
            tags = {
                element.findtext("Key") or "": element.findtext("Value") or ""
                for element in parse_xml(request.read()).iter("Tag")
            }
            self.store.set_tags(request.bucket, request.key, checked_tags(tags))
            return Response(200)
        if request.method == "DELETE":
            self.store.set_tags(request.bucket, request.key, {})
            return Response(204)
        rows = "".join(
            f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>"
            for key, value in self.store.get(request.bucket, request.key).tags.items()
        )
        return xml(f"<Tagging {NAMESPACE}><TagSet>{rows}</TagSet></Tagging>")

    def _attributes(self, request: Request) -> Response:
        """GetObjectAttributes: of the checksums those of the whole object, of the parts their number."""
        if request.method != "GET":
            raise StoreError("MethodNotAllowed", "The specified method is not allowed here", 405)
        stored = self.store.get(request.bucket, request.key)
        wanted = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")} - {""}
        if not wanted or wanted - _ATTRIBUTES:
            raise StoreError("InvalidArgument", "Invalid attribute name specified")
        checksums = "".join(
            f"<{label}>{stored.headers[header]}</{label}>"
            for label, header in _CHECKSUMS.items()
            if header in stored.headers
        )
        _, _, parts = stored.etag.partition("-")
        rows = {
            "ETag": f"<ETag>{stored.etag}</ETag>",
            "Checksum": f"<Checksum>{checksums}</Checksum>" if checksums else "",
            "ObjectParts": f"<ObjectParts><PartsCount>{parts}</PartsCount></ObjectParts>" if parts else "",
            "StorageClass": f"<StorageClass>{stored.headers.get('x-amz-storage-class', 'STANDARD')}</StorageClass>",
            "ObjectSize": f"<ObjectSize>{stored.size}</ObjectSize>",
        }
        body = "".join(row for name, row in rows.items() if name in wanted)
        answer = xml(f"<GetObjectAttributesResponse {NAMESPACE}>{body}</GetObjectAttributesResponse>")
        answer.headers["Last-Modified"] = formatdate(stored.modified, usegmt=True)
        return answer

    def _acl(self, request: Request) -> Response:
        self.store.get(request.bucket, request.key)
        if request.method == "PUT":
            request.read()
            return Response(200)  # one user: there is nobody to shut out
        return xml(
            f"<AccessControlPolicy {NAMESPACE}>{OWNER}<AccessControlList><Grant>"
            '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
            "<ID>local</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"
            "</AccessControlPolicy>"
        )

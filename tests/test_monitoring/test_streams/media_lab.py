"""Real media programs over a shaped link: Debian's nginx-rtmp, srt-live-transmit and ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests import netlab

VIDEO_BPS, AUDIO_BPS = 2_500_000, 96_000
RTMP_PORT, STAT_PORT, SRT_PORT = 1935, 8088, 9000
KEY = "live/5ecr3t-key"
_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


def unavailable(*programs: str) -> str | None:
    """Return why the tests here cannot run, None when they can."""
    if reason := netlab.available("ffmpeg", *programs):
        return reason
    if "nginx" in programs and not _MODULE.exists():
        return "nginx has no RTMP module here (libnginx-mod-rtmp)"
    return None


def start_nginx(lab: netlab.NetLab, folder: Path, *, workers: int = 1) -> str:
    """Start nginx with RTMP on the server's side and return the address of its statistics."""
    address = lab.server_address
    (folder / "nginx.conf").write_text(
        f"""
load_module {_MODULE};
daemon off; worker_processes {workers}; pid nginx.pid; error_log error.log;
events {{}}
rtmp {{ server {{ listen {address}:{RTMP_PORT}; application live {{ live on; }} }} }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ listen {address}:{STAT_PORT}; location /stat {{ rtmp_stat all; }} }}
}}
"""
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    lab.popen("server", command, stderr=subprocess.DEVNULL)
    lab.wait_for_port("server", STAT_PORT)
    lab.wait_for_port("server", RTMP_PORT)
    return f"http://{address}:{STAT_PORT}/stat"


def reload_nginx(lab: netlab.NetLab, folder: Path) -> None:
    """Have that nginx read its configuration anew; what is on the air stays with the old worker."""
    lab.run(
        "server", ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-s", "reload"]
    )


def start_srt(lab: netlab.NetLab, folder: Path) -> Path:
    """Start an SRT receiver on the server's side and return its file of statistics."""
    statistics = folder / "srt.json"
    command = ["srt-live-transmit", "-q", "-fullstats", "-statspf:json", "-s:200",
               f"-statsout:{statistics}",
               f"srt://{lab.server_address}:{SRT_PORT}?mode=listener&latency=200",
               "file://con"]  # fmt: skip
    lab.popen("server", command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.wait_for_port("server", SRT_PORT, udp=True)
    return statistics


def start_ffmpeg(
    lab: netlab.NetLab, progress: Path, *output: str, keyframe_every: int = 50
) -> subprocess.Popen[Any]:
    """Start an encoder of constant bit rate on the phone's side."""
    command = [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i", "sine",
        "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
        "-g", str(keyframe_every),
        "-b:v", str(VIDEO_BPS), "-minrate", str(VIDEO_BPS), "-maxrate", str(VIDEO_BPS),
        "-bufsize", str(VIDEO_BPS), "-x264-params", "nal-hrd=cbr",
        "-c:a", "aac", "-b:a", str(AUDIO_BPS), "-progress", str(progress), *output,
    ]  # fmt: skip
    return lab.popen("phone", command, stderr=subprocess.DEVNULL)

"""An invented market of twenty sellers in the demo's basin, for `lensong timetable`."""

from __future__ import annotations

__all__ = ["SELLERS"]

_A, _B = "Mạng Mẫu A (giả lập)", "Mạng Mẫu B (giả lập)"
_HUOI, _PHIENG = "Bản Huổi Mẫu 1", "Bản Phiêng Mẫu 2"

_ROWS = (
    ("Lò Thị Mẫu 1", _HUOI, "720p", "8h-11h", "90", _A, "mật ong"),
    ("Lò Thị Mẫu 2", _HUOI, "720p", "8h-10h", "60", _A, "gạo nếp"),
    ("Vàng Thị Mẫu 3", _HUOI, "1080p", "8h-12h", "60", "", "thổ cẩm"),
    ("Vàng Thị Mẫu 4", _HUOI, "720p", "9h-11h", "60", _A, "thổ cẩm"),
    ("Giàng Thị Mẫu 5", _HUOI, "720p", "8h-9h30", "60", f"{_A}, {_B}", "mận"),
    ("Giàng Thị Mẫu 6", _HUOI, "720p", "9h-10h30", "60", _A, "mận"),
    ("Tẩn Thị Mẫu 7", _HUOI, "720p", "8h30-10h", "60", _A, "chè"),
    ("Tẩn Thị Mẫu 8", _HUOI, "720p", "9h-10h", "60", _A, "chè"),
    ("Lý Thị Mẫu 9", _HUOI, "720p", "9h-10h", "60", _A, "rau rừng"),
    ("Lý Thị Mẫu 10", _HUOI, "720p", "9h-10h", "60", _A, "rau rừng"),
    ("Phàn Thị Mẫu 11", _HUOI, "720p", "9h-10h", "60", _A, "thảo quả"),
    ("Phàn Thị Mẫu 12", _HUOI, "720p", "9h-10h", "60", _A, "thảo quả"),
    ("Hoàng Thị Mẫu 13", _HUOI, "720p", "9h-10h", "60", _A, "cá"),
    ("Hoàng Thị Mẫu 14", _HUOI, "720p", "9h-10h", "60", _A, "cá"),
    ("Mùa Thị Mẫu 15", _HUOI, "720p", "9h-10h", "60", _A, "gà"),
    ("Mùa Thị Mẫu 16", _HUOI, "720p", "8h-10h, 11h-12h", "60", _A, "gà"),
    ("Chẻo Thị Mẫu 17", _PHIENG, "720p", "14h-17h", "120", "", "miến dong"),
    ("Chẻo Thị Mẫu 18", _PHIENG, "720p", "14h-15h", "60", _A, "miến dong"),
    ("Sùng Thị Mẫu 19", _PHIENG, "1080p", "14h-16h", "60", _A, "sa nhân"),
    ("Sùng Thị Mẫu 20", _PHIENG, "720p", "14h-15h", "60", _B, "sa nhân"),
)

SELLERS = "\n".join(
    (
        "Chợ phiên mẫu: SYNTHETIC, no real person or place (dữ liệu giả lập)",
        "Người bán;Bản;Chất lượng;Khung giờ;Thời lượng (phút);Nhà mạng;Mặt hàng",
        *(";".join(row) for row in _ROWS),
        "",
    )
)
"""A list as a commune would mail it; it names no day: give one with ``--day``."""

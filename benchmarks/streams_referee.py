"""Streams at once against ns-3's LTE uplink, which knows nothing of our formulas.

    python benchmarks/streams_referee.py --drops 14 --spread-db 0
    python benchmarks/streams_referee.py --drops 40 --spread-db 4

The drops' median levels lie evenly between -95 and -108 dBm, and the phones of each around it with
the standard deviation asked for. Ours: the first phones whose least blocks fit into 96 of 100. The
referee: one 20 MHz cell, phones of 23 dBm without power control, noise figure 5 dB, 2.8 Mbit/s of
UDP from each; `n` hold where each of the first `n` is received at 97 % of that or more. Its number
is the most that hold among those from three fewer to three more than ours.

ns-3 comes from PyPI (package `ns3`, which brings its own compiled library). Without it this says
so and ends.
"""

from __future__ import annotations

import argparse
import time
from math import log10
from typing import Any

import numpy as np

from lensong.coverage.decibel import db_to_ratio
from lensong.coverage.rates import UPLINK_CURVES
from lensong.coverage.streams.blocks import least_blocks
from lensong.propagation.types import FloatArray

RATE_MBPS = 2.8
BLOCKS, USABLE = 100, 96
TX_DBM, NOISE_FIGURE_DB = 23.0, 5.0
SITE_DBM = 46.0
HELD = 0.97
_PAYLOAD_B, _HEADERS_B = 1372, 28
_REFERENCE_LOSS_DB, _DECADE_DB = 46.6777, 30.0  # of ns-3's LogDistancePropagationLossModel


def ours(rsrp_dbm: FloatArray) -> int:
    """Return how many of the phones, in their order, fit into the cell."""
    gain_db = rsrp_dbm - (SITE_DBM - 10.0 * log10(12 * BLOCKS))
    noise_dbm = -174.0 + 10.0 * log10(180e3) + NOISE_FIGURE_DB
    blocks = least_blocks(
        db_to_ratio(TX_DBM + gain_db - noise_dbm),
        RATE_MBPS,
        block_hz=180e3,
        most=BLOCKS,
        curve=UPLINK_CURVES["64QAM"],
    )
    return int(np.count_nonzero(np.cumsum(blocks) <= USABLE))


def simulate(ns: Any, loss_db: FloatArray, *, scheduler: str, amc: str) -> FloatArray:
    """Return what arrives of each phone [Mbit/s], over 1.5 s after 1.2 s to settle."""
    settings = {
        "ns3::LteEnbNetDevice::UlBandwidth": ns.UintegerValue(BLOCKS),
        "ns3::LteEnbNetDevice::DlBandwidth": ns.UintegerValue(BLOCKS),
        "ns3::LteUePhy::TxPower": ns.DoubleValue(TX_DBM),
        "ns3::LteUePhy::EnableUplinkPowerControl": ns.BooleanValue(False),
        "ns3::LteEnbPhy::TxPower": ns.DoubleValue(SITE_DBM),
        "ns3::LteEnbPhy::NoiseFigure": ns.DoubleValue(NOISE_FIGURE_DB),
        "ns3::LteRlcUm::MaxTxBufferSize": ns.UintegerValue(300_000),
        "ns3::LteEnbRrc::SrsPeriodicity": ns.UintegerValue(80),
        "ns3::LteAmc::AmcModel": ns.EnumValue[ns.LteAmc.AmcModel](getattr(ns.LteAmc, amc)),
    }
    for name, value in settings.items():
        ns.Config.SetDefault(name, value)
    ns.RngSeedManager.SetSeed(1)
    lte, core = ns.CreateObject[ns.LteHelper](), ns.CreateObject[ns.PointToPointEpcHelper]()
    lte.SetEpcHelper(core)
    lte.SetSchedulerType(f"ns3::{scheduler}FfMacScheduler")
    by_data = ns.EnumValue[ns.FfMacScheduler.UlCqiFilter_t](ns.FfMacScheduler.PUSCH_UL_CQI)
    lte.SetSchedulerAttribute("UlCqiFilter", by_data)
    loss = ns.TypeId.LookupByName("ns3::LogDistancePropagationLossModel")
    lte.SetPathlossModelType(loss)
    host, address = _host(ns, core.GetPgwNode())
    site, phones = ns.NodeContainer(), ns.NodeContainer()
    site.Create(1)
    phones.Create(len(loss_db))
    places = ns.CreateObject[ns.ListPositionAllocator]()
    places.Add(ns.Vector(0, 0, 0))
    for one in loss_db:
        places.Add(ns.Vector(10.0 ** ((float(one) - _REFERENCE_LOSS_DB) / _DECADE_DB), 0, 0))
    mobility = ns.MobilityHelper()
    mobility.SetMobilityModel("ns3::ConstantPositionMobilityModel")
    mobility.SetPositionAllocator(places)
    mobility.Install(site)
    mobility.Install(phones)
    cell, radios = lte.InstallEnbDevice(site), lte.InstallUeDevice(phones)
    ns.InternetStackHelper().Install(phones)
    core.AssignUeIpv4Address(radios)
    sinks = []
    for i in range(len(loss_db)):
        ip = phones.Get(i).GetObject[ns.Ipv4]()
        routes = ns.Ipv4StaticRoutingHelper().GetStaticRouting(ip)
        routes.SetDefaultRoute(core.GetUeDefaultGatewayAddress(), 1)
        lte.Attach(radios.Get(i), cell.Get(0))
        sinks.append(_stream(ns, phones.Get(i), host, address, i))
    seen = []
    for until_s in (1.2, 1.5):  # the second counts from the first
        ns.Simulator.Stop(ns.Seconds(until_s))
        ns.Simulator.Run()
        seen.append(np.array([sink.GetTotalRx() for sink in sinks], dtype=np.float64))
    ns.Simulator.Destroy()
    share = (_PAYLOAD_B + _HEADERS_B) / _PAYLOAD_B
    return np.asarray((seen[1] - seen[0]) * 8.0 / 1.5 / 1e6 * share)


def _host(ns: Any, gateway: Any) -> tuple[Any, Any]:
    """Return a host behind the network's gateway, and its address."""
    nodes = ns.NodeContainer()
    nodes.Create(1)
    ns.InternetStackHelper().Install(nodes)
    wire = ns.PointToPointHelper()
    wire.SetDeviceAttribute("DataRate", ns.StringValue("10Gb/s"))
    wire.SetChannelAttribute("Delay", ns.StringValue("1ms"))
    ends = wire.Install(gateway, nodes.Get(0))
    numbers = ns.Ipv4AddressHelper()
    numbers.SetBase(ns.Ipv4Address("1.0.0.0"), ns.Ipv4Mask("255.0.0.0"))
    given = numbers.Assign(ends)
    ip = nodes.Get(0).GetObject[ns.Ipv4]()
    routes = ns.Ipv4StaticRoutingHelper().GetStaticRouting(ip)
    routes.AddNetworkRouteTo(ns.Ipv4Address("7.0.0.0"), ns.Ipv4Mask("255.0.0.0"), 1)
    return nodes.Get(0), given.GetAddress(1)


def _stream(ns: Any, phone: Any, host: Any, address: Any, number: int) -> Any:
    """Let a phone send to a port of its own, and return what counts there."""
    port = 2000 + number
    there = ns.InetSocketAddress(ns.Ipv4Address.GetAny(), port).ConvertTo()
    sink = ns.PacketSinkHelper("ns3::UdpSocketFactory", there).Install(host)
    sink.Start(ns.Seconds(0))
    to = ns.InetSocketAddress(address, port).ConvertTo()
    source = ns.OnOffHelper("ns3::UdpSocketFactory", to)
    rate = RATE_MBPS * 1e6 * _PAYLOAD_B / (_PAYLOAD_B + _HEADERS_B)
    source.SetConstantRate(ns.DataRate(int(rate)), _PAYLOAD_B)
    source.Install(phone).Start(ns.Seconds(0.3 + 0.0004 * number))
    return sink.Get(0)


def main() -> None:
    """Print of each drop what both find, and how often they agree."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--drops", type=int, default=200)
    asked.add_argument("--spread-db", type=float, default=4.0)
    asked.add_argument("--scheduler", choices=("Rr", "Pf"), default="Rr")
    asked.add_argument("--amc", choices=("MiErrorModel", "PiroEW2010"), default="MiErrorModel")
    given = asked.parse_args()
    try:
        from ns import ns
    except ImportError as error:
        print(f"skipped: ns-3 is not installed ({error}): pip install ns3")
        return
    rng = np.random.default_rng(20_262)
    found = []
    for drop, median in enumerate(np.linspace(-95.0, -108.0, given.drops)):
        rsrp_dbm = median + given.spread_db * rng.standard_normal(26)
        loss_db = SITE_DBM - 10.0 * log10(12 * BLOCKS) - rsrp_dbm
        began, mine, theirs = time.process_time(), ours(rsrp_dbm), -1
        for n in range(min(mine + 3, loss_db.size), max(mine - 4, 0), -1):
            arrives = simulate(ns, loss_db[:n], scheduler=given.scheduler, amc=given.amc)
            if (arrives >= HELD * RATE_MBPS).all():
                theirs = n
                break
        found.append((median, mine, theirs))
        cpu = time.process_time() - began
        told = f"ns-3 {theirs:2d}" if theirs > 0 else f"ns-3 fewer than {max(mine - 3, 1)}"
        print(f"{drop:3d} {median:7.1f} dBm: ours {mine:2d}, {told}  ({cpu:.0f} CPU-s)", flush=True)
    table = np.array(found)
    near = np.abs(table[:, 2] - table[:, 1]) <= 1.0
    print(f"within 1: {near.mean():.0%} of {len(table)} drops")


if __name__ == "__main__":
    main()

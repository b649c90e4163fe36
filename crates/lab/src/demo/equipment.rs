//! Instruments, and what those with a raw socket answer in a running lab.

use homelab_core::inventory::{Equipment, ScpiProtocol, Status};

use super::marked;
use crate::Lab;
use crate::instrument::{Action, Profile};

struct Row {
    name: &'static str,
    kind: &'static str,
    maker: &'static str,
    model: &'static str,
    firmware: &'static str,
    host: &'static str,
    port: u16,
    protocol: ScpiProtocol,
    sub_address: Option<&'static str>,
    status: Status,
    calibration_due: Option<&'static str>,
    allowed: &'static [&'static str],
}

#[rustfmt::skip]
const ROWS: [Row; 7] = [
    Row { name: "scope-1", kind: "oscilloscope", maker: "Siglent Technologies", model: "SDS1104X-E", firmware: "8.2.6.1.37R9", host: "192.0.2.194", port: 5025,
          protocol: ScpiProtocol::Raw, sub_address: None, status: Status::Online, calibration_due: None, allowed: &[] },
    Row { name: "dmm-1", kind: "multimeter", maker: "Keysight Technologies", model: "34465A", firmware: "A.03.02-02.40", host: "192.0.2.195", port: 5025,
          protocol: ScpiProtocol::Raw, sub_address: None, status: Status::Online, calibration_due: Some("2027-03-01"), allowed: &[] },
    Row { name: "psu-1", kind: "power_supply", maker: "RIGOL TECHNOLOGIES", model: "DP832", firmware: "00.01.19", host: "192.0.2.196", port: 5555,
          protocol: ScpiProtocol::Raw, sub_address: None, status: Status::Online, calibration_due: Some("2026-09-15"),
          allowed: &["MEAS:VOLT:DC?", "MEAS:CURR:DC?", "OUTP:STAT?", "VOLT?", "SYST:ERR?"] },
    Row { name: "awg-1", kind: "function_generator", maker: "Siglent Technologies", model: "SDG2042X", firmware: "2.01.01.38", host: "192.0.2.197", port: 5025,
          protocol: ScpiProtocol::Raw, sub_address: None, status: Status::Unknown, calibration_due: None, allowed: &[] },
    Row { name: "smu-1", kind: "smu", maker: "KEITHLEY INSTRUMENTS", model: "MODEL 2450", firmware: "1.7.12b", host: "192.0.2.198", port: 5025,
          protocol: ScpiProtocol::Raw, sub_address: None, status: Status::Online, calibration_due: Some("2027-01-20"), allowed: &[] },
    Row { name: "sa-1", kind: "spectrum_analyzer", maker: "Rohde&Schwarz", model: "FPC1500", firmware: "1.60", host: "192.0.2.199", port: 4880,
          protocol: ScpiProtocol::Hislip, sub_address: Some("hislip0"), status: Status::Offline, calibration_due: None, allowed: &[] },
    Row { name: "load-1", kind: "electronic_load", maker: "RIGOL TECHNOLOGIES", model: "DL3021", firmware: "00.01.05", host: "192.0.2.201", port: 111,
          protocol: ScpiProtocol::Vxi11, sub_address: Some("inst0"), status: Status::Offline, calibration_due: None, allowed: &[] },
];

pub(super) fn equipment() -> Vec<Equipment> {
    ROWS.iter()
        .zip(1..)
        .map(|(row, n)| instrument(row, n))
        .collect()
}

fn instrument(row: &Row, n: u32) -> Equipment {
    Equipment {
        id: String::new(),
        name: row.name.to_owned(),
        kind: Some(row.kind.to_owned()),
        status: row.status,
        manufacturer: Some(row.maker.to_owned()),
        model: Some(row.model.to_owned()),
        serial: Some(serial(n)),
        firmware: Some(row.firmware.to_owned()),
        host: row.host.to_owned(),
        port: Some(row.port),
        protocol: row.protocol,
        sub_address: row.sub_address.map(str::to_owned),
        terminator: None,
        idn: Some(idn(row, n)),
        allowed_queries: row
            .allowed
            .iter()
            .map(|header| (*header).to_owned())
            .collect(),
        location: Some("workshop".to_owned()),
        calibration_due: row.calibration_due.map(str::to_owned),
        notes: Some(marked("invented instrument")),
        updated_at: None,
    }
}

fn serial(n: u32) -> String {
    format!("DEMO-T{n:03}")
}

fn idn(row: &Row, n: u32) -> String {
    format!("{},{},{},{}", row.maker, row.model, serial(n), row.firmware)
}

/// The instruments that run in the lab.
pub(crate) fn profiles() -> Vec<Profile> {
    ROWS.iter()
        .zip(1..)
        .filter(|(row, _)| row.protocol == ScpiProtocol::Raw)
        .map(|(row, n)| Profile {
            name: row.name.to_owned(),
            idn: idn(row, n),
            table: table(row.kind),
        })
        .collect()
}

fn table(kind: &str) -> Vec<(String, Action)> {
    let say = |header: &str, text: &str| (header.to_owned(), Action::Say(text.to_owned()));
    let mut table = vec![
        say("MEASure[:SCALar]:VOLTage[:DC]?", "+4.99871300E+00"),
        say("MEASure[:SCALar]:CURRent[:DC]?", "+1.20431000E-01"),
        say("MEASure[:SCALar]:FREQuency?", "+1.00000210E+03"),
    ];
    match kind {
        "oscilloscope" => {
            let samples = (0..=255_u8).rev().collect();
            table.push(("CURVe?".to_owned(), Action::Block(samples)));
            table.push(say("TIMebase:SCALe?", "1.00E-03"));
        }
        "power_supply" | "smu" | "function_generator" => {
            for (header, setting) in [
                ("[SOURce:]VOLTage", "voltage"),
                ("[SOURce:]CURRent", "current"),
                ("OUTPut[:STATe]", "output"),
            ] {
                table.push((header.to_owned(), Action::Set(setting)));
                table.push((format!("{header}?"), Action::Get(setting)));
            }
        }
        _ => {}
    }
    table
}

/// Points the instruments at the lab's ports; those with other protocols stay where they are.
pub(super) fn move_to(lab: &Lab, equipment: &mut [Equipment]) {
    for instrument in equipment {
        if let Some(running) = lab.instruments.get(&instrument.name) {
            instrument.host = running.address().ip().to_string();
            instrument.port = Some(running.address().port());
        }
    }
}

//! The instrument on its socket.

use homelab_lab::Lab;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[tokio::test]
async fn it_answers_line_by_line_and_logs_what_it_was_sent() {
    let lab = Lab::start().await.unwrap();
    let supply = &lab.instruments["psu-1"];
    let (read, mut write) = TcpStream::connect(supply.address())
        .await
        .unwrap()
        .into_split();
    let mut lines = BufReader::new(read).lines();

    write
        .write_all(b"*IDN?\r\nVOLT 3.3\nVOLT?;MEAS:CURR?\n")
        .await
        .unwrap();

    assert_eq!(
        lines.next_line().await.unwrap().unwrap(),
        "RIGOL TECHNOLOGIES,DP832,DEMO-T003,00.01.19"
    );
    assert_eq!(
        lines.next_line().await.unwrap().unwrap(),
        "3.3;+1.20431000E-01"
    );
    assert_eq!(supply.log(), ["*IDN?", "VOLT 3.3", "VOLT?;MEAS:CURR?"]);
}

#[tokio::test]
async fn a_second_client_is_dropped_without_a_word() {
    let lab = Lab::start().await.unwrap();
    let scope = &lab.instruments["scope-1"];
    let mut first = TcpStream::connect(scope.address()).await.unwrap();
    // The first conversation has begun once it got an answer.
    first.write_all(b"*OPC?\n").await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), b'1');

    let mut second = TcpStream::connect(scope.address()).await.unwrap();
    let end = second.read(&mut [0; 8]).await.unwrap();

    assert_eq!(end, 0);
    assert_eq!(scope.dropped(), 1);
}

import Domain
import Ledger

extension DrawLifecycle {
    /// Makes the event of a seal.
    func event(of seal: SealRecord, isRecovered: Bool) -> DrawEvent {
        var event = DrawEvent(.sealed, draw: draw.id, time: office.now)
        event.reason = seal.reason.rawValue
        event.bets = seal.bets
        event.finished = seal.finishedCount
        event.unfinished = Array(seal.unfinished.prefix(DrawEvent.maxListed))
        event.unfinishedCount = seal.unfinished.count
        event.absent = Array(seal.absent.prefix(DrawEvent.maxListed))
        event.absentCount = seal.absent.count
        if seal.reason == .cutOff {
            event.cutOff = seal.instant
            event.lateMilliseconds = event.time.milliseconds - min(event.time, seal.instant).milliseconds
        }
        event.recovered = isRecovered ? true : nil
        return event
    }

    /// Makes the event of a void draw.
    func event(of void: VoidDraw, isRecovered: Bool) -> DrawEvent {
        var event = DrawEvent(.void, draw: draw.id, time: office.now, by: void.by)
        event.reason = void.reason
        event.recovered = isRecovered ? true : nil
        return event
    }

    /// Makes the event of an outcome.
    func event(of result: DrawResult) -> DrawEvent {
        var event = DrawEvent(.drawn, draw: draw.id, time: office.now)
        event.number = result.winningNumber
        event.bets = result.bets
        event.winningBets = result.winningBets
        event.sha256 = result.ledgerSHA256
        return event
    }
}

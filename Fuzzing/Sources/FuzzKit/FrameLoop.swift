package import WireProtocol

extension Framing {
    /// Splits a whole stream of bytes into frames, and returns the fault that ends them, if any.
    package func frames(in stream: [UInt8], maxFrameBytes: Int) -> (frames: [[UInt8]], fault: FrameFault?) {
        var decoder = FrameDecoder(self, maxFrameBytes: maxFrameBytes)
        var frames: [[UInt8]] = []
        var index = 0
        while true {
            switch decoder.next(stream.span.bytes, from: &index) {
            case .needsBytes: return (frames, nil)
            case .invalid(let fault): return (frames, fault)
            case .needsMemory: decoder.admit()
            case .frame(let frame): frames.append(frame)
            }
        }
    }
}

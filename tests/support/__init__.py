"""What tests of several rooms share: a clock that jumps, SIP messages, a network of lists."""

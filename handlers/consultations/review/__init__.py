"""What officers do with opinions, in chat: read, decide, ask, keep the restricted lane apart."""

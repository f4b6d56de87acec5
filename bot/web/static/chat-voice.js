/* Recording a voice note with the browser's MediaRecorder. No page elements here. */
"use strict";

(function (neuguong) {
  const FORMATS = [["audio/webm;codecs=opus", "webm"], ["audio/mp4", "m4a"], ["audio/ogg;codecs=opus", "ogg"]];
  const format = window.MediaRecorder && FORMATS.find(([type]) => MediaRecorder.isTypeSupported(type));
  let running = null;

  function release() {
    clearInterval(running.clock);
    running.stream.getTracks().forEach((track) => track.stop());
    running = null;
  }

  neuguong.recorder = {
    /* Browsers give the microphone only to https pages and localhost. */
    supported: Boolean(format && navigator.mediaDevices && navigator.mediaDevices.getUserMedia),

    /* Throws when the person or the browser refuses the microphone. `tick` gets whole seconds. */
    async start(tick) {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream, { mimeType: format[0], audioBitsPerSecond: 32000 });
      const parts = [];
      recorder.ondataavailable = ({ data }) => { if (data.size) parts.push(data); };
      const begun = Date.now();
      const clock = setInterval(() => tick(Math.floor((Date.now() - begun) / 1000)), 250);
      running = { stream, recorder, parts, clock };
      recorder.start(1000);
    },

    /* The recording as one File, named voice-<time>. */
    stop() {
      return new Promise((resolve) => {
        const { recorder, parts } = running;
        recorder.onstop = () => {
          const type = format[0].split(";")[0];
          resolve(new File(parts, `voice-${Date.now()}.${format[1]}`, { type }));
        };
        recorder.stop();
        release();
      });
    },

    cancel() {
      if (!running) return;
      running.recorder.onstop = null;
      running.recorder.stop();
      release();
    },
  };
})(window.neuguong = window.neuguong || {});

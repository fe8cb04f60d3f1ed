media-fault-missing = 画像（JPEG または PNG）を選んでください。
media-fault-empty = ファイルが空です。別のファイルを選んでください。
media-fault-too-large = ファイルが10MBを超えています。小さくするか、別のファイルを選んでください。
media-fault-type = 使えるのは JPEG と PNG の画像だけです。ファイル名にかかわらず、このファイルは別の形式です。
media-fault-pixels = 画素数が多すぎます。合計5,000万画素、一辺16,000ピクセルまでです。
media-fault-damaged = 画像が壊れているか、途中で切れています。保存し直すか、別の画像を選んでください。
media-fault-full = このアカウントに保存できる画像の数が上限に達しました。
media-fault-signed-out = サインアウトされています。別のウィンドウでサインインし直してください。入力した内容はこの画面に残ります。

media-fault-missing = 사진(JPEG 또는 PNG)을 골라 주세요.
media-fault-empty = 빈 파일이에요. 다른 파일을 골라 주세요.
media-fault-too-large = 파일이 10MB보다 커요. 줄이거나 다른 파일을 골라 주세요.
media-fault-type = JPEG와 PNG 사진만 쓸 수 있어요. 이름과 달리 이 파일은 다른 형식이에요.
media-fault-pixels = 화소가 너무 많아요. 모두 5천만 화소, 한 변 16,000픽셀까지 쓸 수 있어요.
media-fault-damaged = 사진이 깨졌거나 중간에 잘렸어요. 다시 저장하거나 다른 사진을 골라 주세요.
media-fault-full = 이 계정에 보관할 수 있는 사진 수를 다 채웠어요.
media-fault-signed-out = 로그아웃되었어요. 다른 창에서 다시 로그인해 주세요. 쓰던 내용은 여기 그대로 있어요.
